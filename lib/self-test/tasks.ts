import { deviceKind } from '../devices/table.js'
import type { LoadOptions } from '../options/load.js'
import type { SelfTestCase } from './model.js'
import type { TrialTask } from './trial.js'

/** Lengths for devices that are compiled for them: more than a test needs would only take time. */
const lengths = { selfTest: { maxPromptLength: 128, minResponseLength: 32 }, measured: 640 }

/** The engine that a device gets by default, and where that may page, the stateful one too. */
export function selfTests(
  device: string,
  { folder, cases }: { folder: string; cases: readonly SelfTestCase[] },
): TrialTask[] {
  const { pagedCache, cachesModels, staticShapes } = deviceKind(device)
  const engines: LoadOptions['engine'][] = pagedCache ? ['auto', 'stateful'] : ['auto']
  return engines.map((engine) => ({
    folder,
    options: { device, engine, ...(staticShapes && lengths.selfTest) },
    loads: cachesModels ? 2 : 1,
    cases,
    measure: false,
  }))
}

/** How fast a model is on a device with the options that it gets by default. */
export function measurement(device: string, model: { folder: string; contextLength: number }): TrialTask {
  const contextLength = Math.min(model.contextLength, lengths.measured)
  const options = { device, ...(deviceKind(device).staticShapes && { contextLength }) }
  return { folder: model.folder, options, loads: 1, cases: [], measure: true }
}
