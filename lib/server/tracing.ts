import { createRequire } from 'node:module'
import type * as Api from '@opentelemetry/api'
import type { GenerationResult } from '../generation/result.js'
import type { GenerationStream } from '../generation/stream.js'
import type { GenerationOptions } from '../options/generation.js'
import { packageVersion } from '../version.js'
import type { NamedModel } from './models.js'
import { finishReasons } from './usage.js'

type Attributes = Record<string, Api.AttributeValue | undefined>

const fields: Api.TextMapGetter<Headers> = {
  keys: (headers) => [...headers.keys()],
  get: (headers, name) => headers.get(name) ?? undefined,
}

/** A generation, as its span tells of it. */
export interface Generation {
  named: NamedModel
  requestId: string
  /** The client's headers: they may name the span that asked. */
  headers: Headers
  /** When the request came, by `performance.now()`: what loading its model took is part of it. */
  begun: number
  isChat: boolean
  isStream: boolean
  options: GenerationOptions
}

/**
 * One span for each generation, by the names of OpenTelemetry's conventions for generative AI. It has counts, options and times, and nothing of
 * what was said: no stop words, and no messages of errors either, which may quote it.
 */
export class Tracing {
  readonly #api: typeof Api
  readonly #tracer: Api.Tracer

  constructor(api: typeof Api) {
    this.#api = api
    this.#tracer = api.trace.getTracer('openvino-llm', packageVersion)
  }

  /** A generation begins. */
  watch(generation: Generation, answer: GenerationStream): void {
    const { context, propagation, trace, SpanKind } = this.#api
    const active = context.active()
    // Who has instrumented Node's HTTP has a span of this request already, which knows the client's.
    const inside = trace.getSpan(active) !== undefined
    const parent = inside ? active : propagation.extract(active, generation.headers, fields)
    const { named, begun, isChat } = generation
    const span = this.#tracer.startSpan(
      `${isChat ? 'chat' : 'text_completion'} ${named.name}`,
      {
        kind: inside ? SpanKind.INTERNAL : SpanKind.SERVER,
        startTime: begun,
        attributes: present(requestAttributes(generation)),
      },
      parent,
    )
    // Nobody listens.
    if (!span.isRecording()) {
      span.end()
      return
    }
    answer.result.then(
      (result) => {
        span.setAttributes(present(responseAttributes(generation, result)))
        span.end()
      },
      (error) => {
        span.setAttribute('error.type', errorType(error))
        span.setStatus({ code: this.#api.SpanStatusCode.ERROR })
        span.end()
      },
    )
  }
}

/** Traces, when `@opentelemetry/api` is installed. @param load finds a package, as `require` does */
export function tracingOf(load: (name: string) => unknown = createRequire(import.meta.url)): Tracing | undefined {
  try {
    return new Tracing(load('@opentelemetry/api') as typeof Api)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

function requestAttributes({ named, requestId, isChat, isStream, options }: Generation): Attributes {
  const { numReturnSequences: count, responseFormat } = options
  return {
    'gen_ai.operation.name': isChat ? 'chat' : 'text_completion',
    'gen_ai.provider.name': 'openvino-llm',
    'gen_ai.request.model': named.name,
    'gen_ai.request.stream': isStream,
    'gen_ai.request.max_tokens': options.maxNewTokens,
    'gen_ai.request.temperature': options.temperature,
    'gen_ai.request.top_p': options.topP,
    'gen_ai.request.top_k': options.topK,
    'gen_ai.request.seed': options.seed,
    'gen_ai.request.frequency_penalty': options.frequencyPenalty,
    'gen_ai.request.presence_penalty': options.presencePenalty,
    'gen_ai.request.choice.count': count === 1 ? undefined : count,
    'gen_ai.output.type': responseFormat ? 'json' : 'text',
    'openvino_llm.request.id': requestId,
  }
}

function responseAttributes(
  { named, isStream }: Generation,
  { answers, usage, timings }: GenerationResult,
): Attributes {
  return {
    'gen_ai.response.model': named.name,
    'gen_ai.response.finish_reasons': answers.map(({ finishReason }) => finishReasons[finishReason]),
    'gen_ai.response.time_to_first_chunk': isStream ? timings.timeToFirstToken / 1000 : undefined,
    'gen_ai.usage.input_tokens': usage.promptTokens,
    'gen_ai.usage.output_tokens': usage.completionTokens,
    'gen_ai.usage.cache_read.input_tokens': usage.cachedTokens,
    'gen_ai.usage.reasoning.output_tokens': usage.reasoningTokens,
  }
}

/** A word of a small set. */
function errorType(error: unknown): string {
  if (error instanceof DOMException && error.name === 'AbortError') return 'cancelled'
  const { code, name } = error as { code?: unknown; name?: unknown }
  return typeof code === 'string' ? code : String(name)
}

const present = (attributes: Attributes): Api.Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
