import { LLM } from '../llm.js'
import type { ModelWarning } from '../options/load.js'
import type { Warn } from '../warnings.js'
import type { Interrupts } from './interrupts.js'
import { type Flags, loadOptions } from './options.js'
import { ProgressLine } from './progress.js'
import { note } from './report.js'

/** Loads the model that a command names, with its flags. */
export function loadForCommand(model: string, flags: Flags, interrupts: Interrupts): Promise<LLM> {
  return withProgress((onProgress) =>
    LLM.load(model, { ...loadOptions(flags), signal: interrupts.signal, onProgress, onWarning }),
  )
}

/** Shows progress while something loads. */
export async function withProgress<T>(work: (onProgress: ProgressLine['show']) => Promise<T>): Promise<T> {
  const progress = new ProgressLine()
  try {
    return await work(progress.show)
  } finally {
    progress.clear()
  }
}

function onWarning({ code, message }: ModelWarning): void {
  warn(code, message)
}

/** Shows a warning. */
export const warn: Warn = (_code, message) => note(`warning: ${message}`)
