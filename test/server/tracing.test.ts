import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import t from 'tap'
import { createServer } from '#lib/server/index.js'
import { tracingOf } from '#lib/server/tracing.js'
import { loadTiny } from '../llm/fixtures.js'
import { post, user } from './serving.js'

const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
trace.setGlobalTracerProvider(provider)
context.setGlobalContextManager(new AsyncLocalStorageContextManager())
propagation.setGlobalPropagator(new W3CTraceContextPropagator())

const secret = 'a word that nobody else may read'

/** The spans since the last call. A span ends with its answer, which may be a turn later than its response. */
async function spans(count: number) {
  while (exporter.getFinishedSpans().length < count) await new Promise((resolve) => setImmediate(resolve))
  const found = exporter.getFinishedSpans()
  exporter.reset()
  return found
}

t.test('a generation is a span with the names of the conventions, and without what was said', async (t) => {
  await using llm = await loadTiny()
  const server = createServer({ tiny: llm })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const asked = {
    messages: [user(secret)],
    max_tokens: 5,
    n: 2,
    seed: 7,
    temperature: 0.5,
    stop: [secret],
    ignore_eos: true,
  }
  const headers = { traceparent, 'x-request-id': 'mine' }
  const { body } = await post(server, '/v1/chat/completions', asked, headers)
  const [span, ...others] = await spans(1)
  t.same(others, [])
  t.match(span, { name: 'chat tiny', kind: SpanKind.SERVER, status: { code: SpanStatusCode.UNSET } })
  t.equal(span?.spanContext().traceId, '0af7651916cd43dd8448eb211c80319c')
  t.equal(span?.parentSpanContext?.spanId, 'b7ad6b7169203331')
  const { usage } = body as { usage: { prompt_tokens: number; completion_tokens: number } }
  t.same(span?.attributes, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openvino-llm',
    'gen_ai.request.model': 'tiny',
    'gen_ai.request.stream': false,
    'gen_ai.request.max_tokens': 5,
    'gen_ai.request.temperature': 0.5,
    'gen_ai.request.top_k': 0,
    'gen_ai.request.seed': 7,
    'gen_ai.request.choice.count': 2,
    'gen_ai.output.type': 'text',
    'openvino_llm.request.id': 'mine',
    'gen_ai.response.model': 'tiny',
    'gen_ai.response.finish_reasons': ['length', 'length'],
    'gen_ai.usage.input_tokens': usage.prompt_tokens,
    'gen_ai.usage.output_tokens': 10,
    'gen_ai.usage.cache_read.input_tokens': 0,
    'gen_ai.usage.reasoning.output_tokens': 0,
  })
  t.equal(usage.completion_tokens, 10)
  await server.close()
})

t.test('each prompt has its span, which belongs to the one that is active', async (t) => {
  await using llm = await loadTiny()
  const server = createServer({ tiny: llm })
  const outer = trace.getTracer('test').startSpan('POST')
  const request = new Request('http://localhost/v1/completions', {
    method: 'POST',
    body: JSON.stringify({ prompt: [[10], [11, 12]], max_tokens: 1, stream: true, ignore_eos: true }),
  })
  await context.with(trace.setSpan(context.active(), outer), async () => await (await server.fetch(request)).text())
  const found = await spans(2)
  t.same(found.map(({ attributes }) => attributes['gen_ai.usage.input_tokens']).sort(), [1, 2])
  for (const span of found) {
    t.match(span, { name: 'text_completion tiny', kind: SpanKind.INTERNAL })
    t.equal(span.parentSpanContext?.spanId, outer.spanContext().spanId)
    t.match(span.attributes, {
      'gen_ai.request.stream': true,
      'gen_ai.response.time_to_first_chunk': Number,
    })
  }
  await server.close()
})

t.test('a failure is named by its code, and says nothing of its message', async (t) => {
  await using llm = await loadTiny()
  const server = createServer({ tiny: llm })
  const long = Array.from({ length: llm.info.contextLength + 1 }, () => 10)
  t.match(await post(server, '/v1/completions', { prompt: long }), { status: 400 })
  const [failed] = await spans(1)
  t.match(failed, { status: { code: SpanStatusCode.ERROR, message: undefined }, events: [] })
  t.equal(failed?.attributes['error.type'], 'ERR_CONTEXT_LENGTH')

  const leaving = new AbortController()
  const request = new Request('http://localhost/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({ messages: [user(secret)], ignore_eos: true, stream: true }),
    signal: leaving.signal,
  })
  await server.fetch(request)
  leaving.abort()
  const [left] = await spans(1)
  t.equal(left?.attributes['error.type'], 'cancelled')
  t.notMatch(JSON.stringify([failed, left].map((span) => [span?.attributes, span?.events, span?.status])), secret)
  await server.close()
})

t.test('without the package there are no traces; a broken one is told', async (t) => {
  const missing = Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' })
  t.equal(
    tracingOf(() => {
      throw missing
    }),
    undefined,
  )
  t.throws(
    () =>
      tracingOf(() => {
        throw new Error('broken')
      }),
    { message: 'broken' },
  )
})
