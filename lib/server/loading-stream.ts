import { EventBody, type EventStreamOptions, orSilence, type StreamFormat, silence } from './event-stream.js'
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
  // It is awaited later, or never.
  response.catch(() => {})
  async function* texts(): AsyncGenerator<string, undefined> {
    yield format.silence
    try {
      let found = await orSilence(response, heartbeatMs)
      for (; found === silence; found = await orSilence(response, heartbeatMs)) yield format.silence
      const inner = (found.body as unknown as EventBody).texts
      for (let text = await inner.next(); !text.done; text = await inner.next()) yield text.value
    } catch (error) {
      const problem = report(error)
      if (problem !== undefined) yield format.write(errorBody(problem)) + format.last
    }
  }
  return new EventBody(texts(), abort).response(format)
}
