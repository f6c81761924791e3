import { deviceFeatures } from '../devices/features.js'
import { type JobProgress, runJob as runNativeJob } from '../engine/job.js'
import { LLMError } from '../errors.js'
import type { ModelDefinition } from './definition.js'
import { judge, makeVerdict, type Verdict } from './verdict.js'

export interface CheckOptions {
  signal?: AbortSignal | undefined
  /** Stage `check`. */
  onProgress?: ((progress: JobProgress) => void) | undefined
  /** OpenVINO device string. */
  device: string
  /** Version of OpenVINO that runs it. */
  openvino: string
  /** Compares; the native addon's unless a test replaces it. */
  runJob?: typeof runNativeJob | undefined
}

/** Lengths for a model without a sliding window: the longer one takes several blocks and steps. */
const [shorter, longer] = [24, 80]
/** Tokens beyond a sliding window. */
const beyond = 48

/** Lengths of the prompts of a check: within the model's sliding window and beyond it, never beyond its context. */
export function checkLengths({
  slidingWindow,
  contextLength,
}: Pick<ModelDefinition, 'slidingWindow' | 'contextLength'>): number[] {
  const windowed = slidingWindow !== undefined && slidingWindow < contextLength
  const wanted = windowed
    ? [Math.min(shorter, Math.ceil(slidingWindow / 2)), slidingWindow + beyond]
    : [shorter, longer]
  return [...new Set(wanted.map((length) => Math.min(length, contextLength)))]
}

/**
 * Computes made-up prompts with both runners and judges whether they agree. A model that cannot be paged, or whose paged graph fails, is
 * not faithful.
 * @throws LLMError for everything that says nothing about paging: ERR_DEVICE, ERR_OUT_OF_MEMORY, and ERR_ENGINE when it is the stateful
 * runner that fails, which is the measure; `signal.reason` when aborted
 */
export async function checkModel(definition: ModelDefinition, options: CheckOptions): Promise<Verdict> {
  const { signal, onProgress, device, openvino, runJob = runNativeJob } = options
  const lengths = Int32Array.from(checkLengths(definition))
  // The job reads, compiles and computes twice, once for each runner.
  const parts: Record<string, number> = { read: 0, compile: 0, compare: 0 }
  const report = ({ stage, done, total }: JobProgress) => {
    parts[stage] = done / Math.max(1, total)
    const [read = 0, compile = 0, compare = 0] = Object.values(parts)
    onProgress?.({ stage: 'check', done: Math.round((100 * (read + compile + compare)) / 3), total: 100 })
  }
  try {
    const { modelPath, contextLength } = definition
    const args = { modelPath, device: deviceFeatures(device), contextLength, lengths }
    const found = await runJob('check', args, { signal, onProgress: report })
    return await makeVerdict(definition.folder, judge(found), openvino)
  } catch (error) {
    if (!(error instanceof LLMError) || error.code !== 'ERR_UNSUPPORTED_MODEL') throw error
    // The path of a folder that is being filled says nothing later.
    const reason = error.message.replaceAll(`${definition.modelPath}: `, '')
    return makeVerdict(definition.folder, { faithful: false, reason }, openvino)
  }
}
