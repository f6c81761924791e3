import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { GenerationStream } from '../generation/stream.js'
import type { Metrics } from '../metrics.js'
import type { NamedModel, ServedModels } from './models.js'

const prefix = 'openvino_llm_'
/** Milliseconds between two samples; what is measured has them in it. */
const delayResolution = 20
const seconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const secondsPerToken = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** How a model is when somebody asks. */
const now: Readonly<Record<string, { help: string; of(metrics: Metrics): number }>> = {
  requests_active: { help: 'Requests that have not ended.', of: ({ activeRequests }) => activeRequests },
  sequences_running: { help: 'Answers in the batch.', of: ({ running }) => running },
  sequences_waiting: { help: 'Answers that wait for a place in the batch.', of: ({ waiting }) => waiting },
  kv_blocks: { help: 'Blocks of the KV cache.', of: ({ blocks }) => blocks },
  kv_blocks_used: { help: 'Those that sequences hold.', of: ({ blocksUsed }) => blocksUsed },
  kv_blocks_cached: { help: 'Those that are kept for later prompts.', of: ({ blocksCached }) => blocksCached },
  prefix_hits: {
    help: 'Prompts that found their beginning in the cache, since the load.',
    of: ({ prefixHits }) => prefixHits,
  },
  draft_tokens: { help: 'Guessed tokens, since the load.', of: ({ draftTokens }) => draftTokens },
  accepted_tokens: {
    help: 'Guessed tokens that were right, since the load.',
    of: ({ acceptedTokens }) => acceptedTokens,
  },
  kv_evictions: {
    help: 'Kept blocks that made room, since the load.',
    of: ({ evictions }) => evictions,
  },
  steps: { help: 'Forward passes, since the load.', of: ({ steps }) => steps },
  healthy: { help: '1 when its engine works, else 0.', of: ({ health }) => Number(health.state === 'healthy') },
  preemptions: { help: 'Sequences that made room for others, since the load.', of: ({ preemptions }) => preemptions },
}

/** What a server counts, in Prometheus' text format. Each server has its own. */
export class ServerMetrics {
  readonly #registry = new Registry()
  readonly #responses = this.#counter('http_responses_total', 'Responses by route and status.', ['route', 'status'])
  readonly #requests = this.#counter('requests_total', 'Generations by how they ended.', ['model', 'finish_reason'])
  readonly #promptTokens = this.#counter('prompt_tokens_total', 'Tokens of prompts.', ['model'])
  readonly #cachedTokens = this.#counter('cached_tokens_total', 'Tokens of prompts that were in the KV cache.', [
    'model',
  ])
  readonly #generatedTokens = this.#counter('generated_tokens_total', 'Tokens of answers.', ['model'])
  readonly #firstToken = this.#histogram('time_to_first_token_seconds', 'From the request to its first token.', seconds)
  readonly #perToken = this.#histogram('time_per_output_token_seconds', 'Mean of an answer.', secondsPerToken)
  readonly #queued = this.#histogram('queue_time_seconds', 'Waiting for a place in the batch.', seconds)

  /** Since somebody last asked. */
  readonly #delay = monitorEventLoopDelay({ resolution: delayResolution })

  constructor(models: ServedModels) {
    this.#perModel('model_loaded', '1 when the model is in memory, else 0.', () =>
      models.all.map(({ name, loaded }) => [name, Number(loaded !== undefined)]),
    )
    this.#perModel('model_weights_bytes', 'Bytes of the weights of a model in memory.', () =>
      models.loaded.map(({ name, model }) => [name, model.info.memory.weights]),
    )
    this.#ofProcess()
    for (const [name, { help, of }] of Object.entries(now)) {
      this.#perModel(name, help, () => models.loaded.map((each) => [each.name, of(each.model.metrics())]))
    }
  }

  /** A response begins. */
  answered(route: string, status: number): void {
    this.#responses.inc({ route, status })
  }

  /** A generation begins. */
  watch({ name: model }: NamedModel, answer: GenerationStream): void {
    answer.result.then(
      ({ finishReason, usage, timings }) => {
        this.#requests.inc({ model, finish_reason: finishReason })
        this.#promptTokens.inc({ model }, usage.promptTokens)
        this.#cachedTokens.inc({ model }, usage.cachedTokens)
        this.#generatedTokens.inc({ model }, usage.completionTokens)
        this.#firstToken.observe({ model }, timings.timeToFirstToken / 1000)
        this.#queued.observe({ model }, timings.queued / 1000)
        if (timings.timePerOutputToken > 0) this.#perToken.observe({ model }, timings.timePerOutputToken / 1000)
      },
      (error) => {
        const left = error instanceof DOMException && error.name === 'AbortError'
        this.#requests.inc({ model, finish_reason: left ? 'cancelled' : 'error' })
      },
    )
  }

  async response(): Promise<Response> {
    return new Response(await this.#registry.metrics(), { headers: { 'content-type': this.#registry.contentType } })
  }

  /** Measures nothing any more. */
  close(): void {
    this.#delay.disable()
  }

  /** A number of each model that is there when somebody asks; one that is not in memory has none. */
  #perModel(name: string, help: string, values: () => [model: string, value: number][]): void {
    new Gauge({
      name: prefix + name,
      help,
      labelNames: ['model'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [model, value] of values()) this.set({ model }, value)
      },
    })
  }

  /** Under the names that Prometheus' clients have for them, but for the delay. */
  #ofProcess(): void {
    const registers = [this.#registry]
    new Gauge({
      name: 'process_resident_memory_bytes',
      help: 'Memory of the process, with the pages of mapped weights.',
      registers,
      collect() {
        this.set(process.memoryUsage.rss())
      },
    })
    new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Processor time of the process, that of the engines included.',
      registers,
      collect() {
        const { user, system } = process.cpuUsage()
        this.reset()
        this.inc((user + system) / 1e6)
      },
    })
    const delay = this.#delay
    delay.enable()
    new Gauge({
      name: `${prefix}event_loop_delay_seconds`,
      help: 'How late callbacks of the event loop were, since the last time that this was asked.',
      labelNames: ['quantile'],
      registers,
      collect() {
        for (const quantile of [0.5, 0.99, 1]) {
          const nanoseconds = delay.percentile(quantile * 100) - delayResolution * 1e6
          this.set({ quantile: String(quantile) }, Math.max(0, nanoseconds) / 1e9)
        }
        delay.reset()
      },
    })
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name: prefix + name, help, labelNames, registers: [this.#registry] })
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram<'model'> {
    return new Histogram({ name: prefix + name, help, buckets, labelNames: ['model'], registers: [this.#registry] })
  }
}
