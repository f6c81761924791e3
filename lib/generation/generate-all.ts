import { setMaxListeners } from 'node:events'
import { batchDefaults, batchTable, type GenerateAllOptions } from '../options/batch.js'
import type { GenerationOptions } from '../options/generation.js'
import * as check from '../options/rules.js'
import type { Prompt } from './prompt.js'

/** Any list of prompts, also one that is made while it is read; a lone string or chat is none. */
export type Prompts = object & (Iterable<Prompt> | AsyncIterable<Prompt>)

/** The two kinds of options apart. */
export interface BatchOptions {
  request: GenerationOptions
  batch: Pick<GenerateAllOptions, 'concurrency' | 'onProgress' | 'stopOnError' | 'signal'>
}

/** @throws TypeError for prompts that are no list, and for wrong options */
export function checkBatch(prompts: Prompts, options: GenerateAllOptions): BatchOptions {
  check.checkOptions(options, batchTable, 'GenerateAllOptions')
  const iterable = typeof prompts === 'object' && prompts !== null
  if (!iterable || !(Symbol.iterator in prompts || Symbol.asyncIterator in prompts)) {
    throw new TypeError(`expected prompts to be a list or another iterable, received ${check.describe(prompts)}`)
  }
  const { concurrency, onProgress, stopOnError, ...request } = options
  return { request, batch: { concurrency, onProgress, stopOnError, signal: options.signal } }
}

/**
 * Runs a request for each prompt, `concurrency` at a time; a prompt is taken from the list when its turn has come. An abort, a failure
 * of the list and, with `stopOnError`, the first failure of a request end all.
 *
 * @param run one request; must end when its signal aborts
 * @returns the results in the order of the prompts
 */
export async function runAll<Item, Result>(
  prompts: Iterable<Item> | AsyncIterable<Item>,
  { concurrency = 1, onProgress, stopOnError = batchDefaults.stopOnError, signal }: BatchOptions['batch'],
  run: (prompt: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  signal?.throwIfAborted()
  const stop = new AbortController()
  // Each request listens to it; more than ten would be warned about as a leak.
  setMaxListeners(0, stop.signal)
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const stopped = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true })
  })
  const iterator = iteratorOf(prompts)
  const total = Array.isArray(prompts) ? prompts.length : undefined
  const results: Result[] = []
  const errors: unknown[] = []
  let taken = 0
  let done = 0
  // Iterators need not bear a second next() before the first has answered.
  const nothing: IteratorResult<Item, unknown> = { done: true, value: undefined }
  let turn: Promise<IteratorResult<Item, unknown> | undefined> = Promise.resolve(undefined)
  const take = () => {
    const next = turn.then((before) => (before?.done || stop.signal.aborted ? nothing : iterator.next()))
    turn = next
    return next
  }
  const lane = async (): Promise<void> => {
    for (let next = await take(); !next.done; next = await take()) {
      const index = taken++
      try {
        results[index] = await run(next.value, stop.signal)
      } catch (error) {
        if (stopOnError || stop.signal.aborted) throw error
        errors.push(error)
      }
      onProgress?.({ done: ++done, total })
    }
  }
  // More lanes than prompts would only wait.
  const lanes = Array.from({ length: Math.min(concurrency, total ?? concurrency) }, lane)
  try {
    await Promise.race([stopped, Promise.all(lanes)])
  } catch (error) {
    stop.abort(error)
    // Not waited for: a generator answers only when the prompt that it was asked for has come.
    Promise.resolve()
      .then(() => iterator.return?.())
      .catch(() => {})
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} of ${done} requests failed`)
  return results
}

function iteratorOf<Item>(
  prompts: Iterable<Item> | AsyncIterable<Item>,
): AsyncIterator<Item, unknown> | Iterator<Item, unknown> {
  return Symbol.asyncIterator in prompts ? prompts[Symbol.asyncIterator]() : prompts[Symbol.iterator]()
}
