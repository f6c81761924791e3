import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { GenerationStream } from '../generation/stream.js'
import type { Metrics } from '../metrics.js'
import type { NamedModel, ServedModels } from './models.js'

const prefix = 'openvino_llm_'
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

  constructor(models: ServedModels) {
    for (const [name, { help, of }] of Object.entries(now)) {
      new Gauge({
        name: prefix + name,
        help,
        labelNames: ['model'],
        registers: [this.#registry],
        collect() {
          // What is not in memory has no numbers.
          this.reset()
          for (const { name: model, model: served } of models.loaded) this.set({ model }, of(served.metrics()))
        },
      })
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

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> {
    return new Counter({ name: prefix + name, help, labelNames, registers: [this.#registry] })
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram<'model'> {
    return new Histogram({ name: prefix + name, help, buckets, labelNames: ['model'], registers: [this.#registry] })
  }
}
