import { ReadableStream } from 'node:stream/web'
import type { ApiError } from './api-error.js'

/** Milliseconds of silence after which a client is told that the server still works. */
const heartbeatMs = 10_000

const encoder = new TextEncoder()

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
const headersOf = ({ contentType }: StreamFormat) => ({
  'content-type': contentType,
  'cache-control': 'no-cache',
  // nginx would collect the events.
  'x-accel-buffering': 'no',
})

/** The body of a response that is a stream of events. */
export class EventBody extends ReadableStream<Uint8Array> {
  /** What it says, for whoever writes that himself, which saves the web's streams: it is theirs or his. */
  readonly texts: AsyncIterator<string>

  /** @param cancel makes the texts end soon: nobody reads them any more */
  constructor(texts: AsyncIterator<string>, cancel: () => void) {
    super(
      {
        async pull(controller) {
          const { done, value } = await texts.next()
          if (done) controller.close()
          else controller.enqueue(encoder.encode(value))
        },
        cancel,
      },
      { highWaterMark: 0 },
    )
    this.texts = texts
  }

  response(format: StreamFormat): Response {
    return new Response(this as ConstructorParameters<typeof Response>[0], { headers: headersOf(format) })
  }
}

/**
 * A stream of events. The response is there with the first event, or with the first heartbeat when that takes
 * longer; an error before rejects, a later one is an event.
 */
export async function eventStream(events: AsyncIterator<unknown>, options: EventStreamOptions): Promise<Response> {
  const { abort, format = doneEvents, heartbeatMs } = options
  const first = events.next()
  // It is awaited later.
  first.catch(() => {})
  // On the next turn the engine has the request, and computes while this is made: it takes a tenth of a millisecond.
  await new Promise((resolve) => setImmediate(resolve))
  let begun: Awaited<typeof first> | typeof silence = silence
  const texts = textsOf(first, () => begun, events, options)
  const response = new EventBody(texts, abort).response(format)
  begun = await orSilence(first, heartbeatMs)
  return response
}

async function* textsOf(
  first: Promise<IteratorResult<unknown>>,
  begun: () => IteratorResult<unknown> | typeof silence,
  events: AsyncIterator<unknown>,
  { report, errorBody, heartbeatMs, format = doneEvents }: EventStreamOptions,
): AsyncGenerator<string, undefined> {
  let next = first
  let found = begun()
  try {
    for (;;) {
      if (found === silence) {
        if (format.silence !== '') yield format.silence
      } else if (found.done) break
      else {
        next = events.next()
        // It is awaited later, or never.
        next.catch(() => {})
        yield format.write(found.value)
      }
      found = await (format.silence === '' ? next : orSilence(next, heartbeatMs))
    }
  } catch (error) {
    const problem = report(error)
    if (problem === undefined) return
    yield format.write(errorBody(problem))
  }
  if (format.last !== '') yield format.last
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
