import { ReadableStream } from 'node:stream/web'
import type { ApiError } from './api-error.js'

/** Milliseconds of silence after which a client is told that the server still works. */
const heartbeatMs = 10_000

const encoder = new TextEncoder()
const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // nginx would collect the events.
  'x-accel-buffering': 'no',
}
const comment = encoder.encode(': still computing\n\n')

/** The bytes of one server-sent event; one whose data has a `type` is called so. */
export function eventBytes(data: unknown): Uint8Array {
  const { type } = data as { type?: unknown }
  const name = typeof type === 'string' ? `event: ${type}\n` : ''
  return encoder.encode(`${name}data: ${JSON.stringify(data)}\n\n`)
}

/** What a stream of events needs beside them. */
export interface EventStreamOptions {
  /** Makes the events end soon: the client has left. */
  abort(): void
  /** What an error is sent as; undefined when nobody is there to get it. */
  report(error: unknown): ApiError | undefined
  /** Default 10 seconds. */
  heartbeatMs?: number
  /** What the last event is; default `[DONE]`, and none with ''. */
  last?: string
}

/**
 * Server-sent events. The response is there with the first event, or with the first heartbeat when that takes
 * longer; an error before rejects, a later one is an event.
 */
export async function eventStream(events: AsyncIterator<unknown>, options: EventStreamOptions): Promise<Response> {
  const { abort, report, last = '[DONE]' } = options
  let next = events.next()
  // It is awaited later, or never.
  next.catch(() => {})
  let begun = await orSilence(next, options.heartbeatMs)
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const found = begun === silence ? await orSilence(next, options.heartbeatMs) : begun
          begun = silence
          if (found === silence) return controller.enqueue(comment)
          if (!found.done) {
            next = events.next()
            next.catch(() => {})
            return controller.enqueue(eventBytes(found.value))
          }
        } catch (error) {
          const problem = report(error)
          if (problem === undefined) return
          controller.enqueue(eventBytes(problem.body))
        }
        if (last !== '') controller.enqueue(encoder.encode(`data: ${last}\n\n`))
        controller.close()
      },
      cancel: abort,
    },
    { highWaterMark: 0 },
  )
  return new Response(stream as ConstructorParameters<typeof Response>[0], { headers })
}

const silence = Symbol('silence')

async function orSilence<T>(next: Promise<T>, milliseconds = heartbeatMs): Promise<T | typeof silence> {
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
