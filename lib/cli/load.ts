import { LLM } from '../llm.js'
import type { ModelWarning } from '../options/load.js'
import type { Interrupts } from './interrupts.js'
import { type Flags, loadOptions } from './options.js'
import { withProgress } from './progress.js'
import { warn } from './report.js'

/** Loads the model that a command names, with its flags. */
export function loadForCommand(model: string, flags: Flags, interrupts: Interrupts): Promise<LLM> {
  return withProgress((onProgress) =>
    LLM.load(model, { ...loadOptions(flags), signal: interrupts.signal, onProgress, onWarning }),
  )
}

function onWarning({ code, message }: ModelWarning): void {
  warn(code, message)
}
