import type { ModelWarning } from './options/load.js'

/** Reports something that the user should know. */
export type Warn = (code: string, message: string) => void

/** Passes each warning on once; without a listener, to `process.emitWarning`. */
export function warnOnce(listener: ((warning: ModelWarning) => void) | undefined): Warn {
  const seen = new Set<string>()
  return (code, message) => {
    if (seen.has(`${code} ${message}`)) return
    seen.add(`${code} ${message}`)
    if (listener) listener({ code, message })
    else process.emitWarning(message, { type: 'OpenVINOLLMWarning', code })
  }
}
