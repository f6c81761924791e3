import { ReadableStream } from 'node:stream/web'
import { type EventStreamOptions, encoder, headersOf, orSilence, type StreamFormat, silence } from './event-stream.js'
import type { Exchange } from './exchange.js'
import type { NamedModel, ServedModels } from './models.js'

/**
 * The answer of the model that a request names. A stream of a model that is yet to be loaded begins at once, and says meanwhile that the
 * server works: a proxy or a client would give up on silence. What fails from then on is an event.
 * @param format of the stream that the answer is if `body.stream` is true
 */
export async function withModel(
  models: ServedModels,
  exchange: Exchange,
  body: Readonly<Record<string, unknown>>,
  format: StreamFormat,
  answer: (named: NamedModel) => Promise<Response>,
): Promise<Response> {
  const name = body['model']
  const ready = async () => await answer(await models.of(name, exchange))
  if (body['stream'] !== true || models.entry(name).loaded) return await ready()
  return streamOnceReady(exchange.keepOpen(ready()), { ...exchange.events, format })
}

/** A stream that says that the server works until the response is there, and then is the stream of that. */
export function streamOnceReady(
  response: Promise<Response>,
  { abort, report, errorBody, format, heartbeatMs }: EventStreamOptions & { format: StreamFormat },
): Response {
  const write = (text: string) => encoder.encode(text)
  let said = false
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  // It is awaited later, or never.
  response.catch(() => {})
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (!reader) {
            const found = said ? await orSilence(response, heartbeatMs) : silence
            said = true
            if (found === silence) return controller.enqueue(write(format.silence))
            reader = (found.body as globalThis.ReadableStream<Uint8Array>).getReader()
          }
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          const problem = report(error)
          if (problem === undefined) return
          controller.enqueue(write(format.write(errorBody(problem)) + format.last))
          controller.close()
        }
      },
      async cancel(reason) {
        abort()
        await reader?.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(stream as ConstructorParameters<typeof Response>[0], { headers: headersOf(format) })
}
