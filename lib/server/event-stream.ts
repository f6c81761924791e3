import { ReadableStream } from 'node:stream/web'
import type { ApiError } from './api-error.js'

/** Milliseconds of silence after which a client is told that the server still works. */
const heartbeatMs = 10_000

export const encoder = new TextEncoder()

/** How a protocol writes a stream. */
export interface StreamFormat {
  contentType: string
  /** One value. */
  write(value: unknown): string
  /** What says that the server still works; '' where nothing can. */
  silence: string
  /** What ends it, or ''. */
  last: string
}

/** A server-sent event; one whose data has a `type` is called so. */
function eventOf(data: unknown): string {
  const { type } = data as { type?: unknown }
  const name = typeof type === 'string' ? `event: ${type}\n` : ''
  return `${name}data: ${JSON.stringify(data)}\n\n`
}

/** Server-sent events up to `[DONE]`, as completions have them. */
export const doneEvents: StreamFormat = {
  contentType: 'text/event-stream; charset=utf-8',
  write: eventOf,
  silence: ': still computing\n\n',
  last: 'data: [DONE]\n\n',
}

/** Server-sent events of which the last one says that it is. */
export const namedEvents: StreamFormat = { ...doneEvents, last: '' }

/** What a stream of events needs beside them. */
export interface EventStreamOptions {
  /** Makes the events end soon: the client has left. */
  abort(): void
  /** What an error is; undefined when nobody is there to be told. */
  report(error: unknown): ApiError | undefined
  /** What is sent of it. */
  errorBody(problem: ApiError): object
  /** Default 10 seconds. */
  heartbeatMs?: number
  /** Default {@link doneEvents}. */
  format?: StreamFormat
}

/** Of a response that is a stream. */
export const headersOf = ({ contentType }: StreamFormat) => ({
  'content-type': contentType,
  'cache-control': 'no-cache',
  // nginx would collect the events.
  'x-accel-buffering': 'no',
})

/**
 * A stream of events. The response is there with the first event, or with the first heartbeat when that takes
 * longer; an error before rejects, a later one is an event.
 */
export async function eventStream(events: AsyncIterator<unknown>, options: EventStreamOptions): Promise<Response> {
  const { abort, report, format = doneEvents } = options
  const { silence: comment, last } = format
  let next = events.next()
  // It is awaited later, or never.
  next.catch(() => {})
  let begun: Awaited<typeof next> | typeof silence = silence
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (begun === silence) begun = await (comment === '' ? next : orSilence(next, options.heartbeatMs))
          const found = begun
          begun = silence
          if (found === silence) return controller.enqueue(encoder.encode(comment))
          if (!found.done) {
            next = events.next()
            next.catch(() => {})
            return controller.enqueue(encoder.encode(format.write(found.value)))
          }
        } catch (error) {
          const problem = report(error)
          if (problem === undefined) return
          controller.enqueue(encoder.encode(format.write(options.errorBody(problem))))
        }
        if (last !== '') controller.enqueue(encoder.encode(last))
        controller.close()
      },
      cancel: abort,
    },
    { highWaterMark: 0 },
  )
  // Made while the first event is computed: it takes a tenth of a millisecond.
  const response = new Response(stream as ConstructorParameters<typeof Response>[0], { headers: headersOf(format) })
  begun = await orSilence(next, options.heartbeatMs)
  return response
}

/** Stands for nothing having come. */
export const silence = Symbol('silence')

/** What comes within so many milliseconds, else {@link silence}. */
export async function orSilence<T>(next: Promise<T>, milliseconds = heartbeatMs): Promise<T | typeof silence> {
  let timer: NodeJS.Timeout | undefined
  const silent = new Promise<typeof silence>((resolve) => {
    timer = setTimeout(() => resolve(silence), milliseconds)
  })
  try {
    return await Promise.race([next, silent])
  } finally {
    clearTimeout(timer)
  }
}
