import type { LoadOptions } from '../options/load.js'
import { runProcess } from '../process-task.js'
import type { SelfTestCase } from './model.js'

/** What one process does: it loads a model on a device, and asks or measures it. */
export interface TrialTask {
  folder: string
  options: Pick<
    LoadOptions,
    'device' | 'engine' | 'ovConfig' | 'contextLength' | 'maxPromptLength' | 'minResponseLength'
  >
  /** How often it loads: the second load takes what the first has compiled. */
  loads: number
  cases: readonly SelfTestCase[]
  measure: boolean
}

/** Tokens per second: medians of several requests. */
export interface Speed {
  promptTokens: number
  answerTokens: number
  /** Of computing the prompt. */
  prefill: number
  /** Of the answer's tokens after the first. */
  decode: number
}

/** How one load went. */
export interface TrialLoad {
  milliseconds: number
  runner: string
  runnerReason: string
  /** Whether the plugin took a compiled model from the cache folder: `YES`, `NO`, or '' where it does not tell. */
  fromCache: string
  precision: { inference: string; kvCache: string }
  /** Of each case: how many tokens of the answer were right before the first wrong one, and how many there are. */
  answers: { promptTokens: number; right: number; expected: number }[]
}

/** What came of a {@link TrialTask}. */
export interface Trial {
  device: string
  engine: string
  passed: boolean
  /** What it did last. */
  stage: string
  loads: TrialLoad[]
  speed: Speed | null
  /** Most memory that the process had, in bytes. */
  peakMemory: number
  warnings: string[]
  error: { code: string; message: string } | null
}

export interface TrialBounds {
  /** Milliseconds until the process is killed. */
  timeout: number
  signal?: AbortSignal | undefined
  /** Cache folder in place of the user's. */
  cache?: string | undefined
  /** Module that the process runs, for tests. */
  module?: string | undefined
}

/** A trial that has not begun. */
export const newTrial = ({ options }: Pick<TrialTask, 'options'>): Trial => ({
  device: options.device ?? '',
  engine: options.engine ?? 'auto',
  passed: false,
  stage: 'start',
  loads: [],
  speed: null,
  peakMemory: 0,
  warnings: [],
  error: null,
})

/** Runs a task in a process of its own. One that crashes or hangs is a trial that did not pass. Rejects with `signal.reason`. */
export async function runTrial(task: TrialTask, bounds: TrialBounds): Promise<Trial> {
  const { timeout, signal, cache, module = new URL('./trial-child.js', import.meta.url) } = bounds
  const env = cache === undefined ? {} : { OPENVINO_LLM_CACHE: cache }
  const { messages, died } = await runProcess<Trial>(module, [JSON.stringify(task)], { timeout, signal, env })
  const last = messages.at(-1) ?? newTrial(task)
  if (died === '' && last.stage === 'end') return last
  const how = died === '' ? 'ended early' : died
  return {
    ...last,
    passed: false,
    error: { code: 'ERR_ENGINE', message: `the process ${how}, in stage ${last.stage}` },
  }
}
