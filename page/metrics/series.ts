import { parseMetrics } from './prometheus.js'

/** What a chart shows: a value for each time that was asked, the last one last. */
export interface Series {
  title: string
  unit: string
  values: number[]
}

/** Values that a chart has at most. */
const kept = 60

/** What is computed from what the server counted until now, and until the time before. */
type Measure = (now: Counts, before: Counts, seconds: number) => number

type Counts = (name: string) => number

const mean =
  (name: string, factor: number): Measure =>
  (now, before) => {
    const count = now(`${name}_count`) - before(`${name}_count`)
    return count > 0 ? ((now(`${name}_sum`) - before(`${name}_sum`)) / count) * factor : Number.NaN
  }
const rate =
  (name: string): Measure =>
  (now, before, seconds) =>
    (now(name) - before(name)) / seconds
const level =
  (name: string): Measure =>
  (now) =>
    now(name)

const measures: readonly { title: string; unit: string; of: Measure }[] = [
  { title: 'Generated', unit: 'tokens/s', of: rate('generated_tokens_total') },
  { title: 'Prompts', unit: 'tokens/s', of: rate('prompt_tokens_total') },
  { title: 'Answers in the batch', unit: '', of: level('sequences_running') },
  { title: 'Answers that wait', unit: '', of: level('sequences_waiting') },
  { title: 'Time to first token', unit: 'ms', of: mean('time_to_first_token_seconds', 1000) },
  { title: 'Time per token', unit: 'ms', of: mean('time_per_output_token_seconds', 1000) },
  {
    title: 'KV cache in use',
    unit: '%',
    of: (now) => (now('kv_blocks') > 0 ? (now('kv_blocks_used') / now('kv_blocks')) * 100 : 0),
  },
  { title: 'Prompt tokens from the cache', unit: 'tokens/s', of: rate('cached_tokens_total') },
]

/** The charts of a server's metrics, over all models. */
export class MetricSeries {
  readonly series: readonly Series[] = measures.map(({ title, unit }) => ({ title, unit, values: [] }))
  #before: { counts: Counts; milliseconds: number } | undefined

  /**
   * @param text what /metrics says
   * @param milliseconds when it said so, on a clock that only goes forward
   */
  add(text: string, milliseconds: number): void {
    const sums = new Map<string, number>()
    for (const { name, value } of parseMetrics(text)) sums.set(name, (sums.get(name) ?? 0) + value)
    const counts: Counts = (name) => sums.get(`openvino_llm_${name}`) ?? 0
    const before = this.#before
    this.#before = { counts, milliseconds }
    if (!before || milliseconds <= before.milliseconds) return
    const seconds = (milliseconds - before.milliseconds) / 1000
    for (const [i, { of }] of measures.entries()) {
      const values = this.series[i]?.values as number[]
      const value = of(counts, before.counts, seconds)
      // Where nothing was measured, the last value holds.
      values.push(Number.isNaN(value) ? (values.at(-1) ?? 0) : Math.max(value, 0))
      if (values.length > kept) values.shift()
    }
  }
}
