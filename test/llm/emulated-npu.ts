import { LLM, type LoadOptions } from '#lib/index.js'
import { tiny } from './fixtures.js'

/** Properties with which the NPU's plugin computes on the CPU, in f32. */
export const emulatedNpu = {
  NPUW_DEVICES: 'CPU',
  NPUW_ONLINE_PIPELINE: 'NONE',
  INFERENCE_PRECISION_HINT: 'f32',
  KV_CACHE_PRECISION: 'f16',
} as const

/** Loads a tiny model for an NPU that is none. */
export const loadNpu = (folder: string, options: LoadOptions = {}): Promise<LLM> =>
  LLM.load(tiny(folder), { device: 'NPU', ovConfig: emulatedNpu, ...options })
