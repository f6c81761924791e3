import { deviceFeatures } from '../devices/features.js'
import { type JobProgress, runJob as runNativeJob } from '../engine/job.js'
import { LLMError } from '../errors.js'
import { planCheck } from './check-lengths.js'
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

/**
 * Computes made-up prompts with both runners and judges whether they agree. When the graph has a window that config.json does not tell, it
 * computes again, beyond that. A model that cannot be paged, or whose paged graph fails, is
 * not faithful.
 * @throws LLMError for everything that says nothing about paging: ERR_DEVICE, ERR_OUT_OF_MEMORY, and ERR_ENGINE when it is the stateful
 * runner that fails, which is the measure; `signal.reason` when aborted
 */
export async function checkModel(definition: ModelDefinition, options: CheckOptions): Promise<Verdict> {
  const { signal, onProgress, device, openvino, runJob = runNativeJob } = options
  // The job reads, compiles and computes twice, once for each runner.
  const parts: Record<string, number> = { read: 0, compile: 0, compare: 0 }
  const report = ({ stage, done, total }: JobProgress) => {
    parts[stage] = done / Math.max(1, total)
    const [read = 0, compile = 0, compare = 0] = Object.values(parts)
    onProgress?.({ stage: 'check', done: Math.round((100 * (read + compile + compare)) / 3), total: 100 })
  }
  const { modelPath, contextLength } = definition
  const compare = (lengths: readonly number[]) => {
    const args = { modelPath, device: deviceFeatures(device), contextLength, lengths: Int32Array.from(lengths) }
    return runJob('check', args, { signal, onProgress: report })
  }
  try {
    let plan = planCheck(definition.attentionBorders, contextLength)
    let found = await compare(plan.lengths)
    const unseen = found.windows.filter((tokens) => tokens < contextLength && tokens >= (plan.lengths.at(-1) ?? 0))
    if (unseen.length > 0) {
      const windows = unseen.map((tokens) => ({ name: 'a window of its graph', tokens }))
      const all = planCheck([...definition.attentionBorders, ...windows], contextLength)
      if (all.lengths.join() !== plan.lengths.join()) found = await compare(all.lengths)
      plan = all
    }
    return await makeVerdict(definition.folder, judge(found, plan), openvino)
  } catch (error) {
    if (!(error instanceof LLMError) || error.code !== 'ERR_UNSUPPORTED_MODEL') throw error
    // The path of a folder that is being filled says nothing later.
    const reason = error.message.replaceAll(`${modelPath}: `, '')
    return makeVerdict(definition.folder, { faithful: false, reason, lengths: [] }, openvino)
  }
}
