import { setTimeout as sleep } from 'node:timers/promises'
import { LLMError } from '../errors.js'
import { type Answer, discard, type HubClient, networkError, shown } from './client.js'
import type { Connections } from './connections.js'

/** How often a range is asked for again without a byte of it coming. */
const retries = 5
/** Milliseconds before it is asked for again the first time; doubled each time. */
const firstPause = 200

/** A file of the hub, and how to ask for it. */
export interface HubFile {
  client: HubClient
  connections: Connections
  /** Where the hub has it. */
  url: URL
  /** Where that redirected to: later ranges save the way through the hub. It may run out. */
  moved: { to?: URL | undefined }
  /** For errors. */
  name: string
  /** Bytes of the whole file, by the listing. */
  size: number
  /** The error for an answer that is neither the file nor a range of it. */
  refuse: (answer: Answer) => Promise<Error>
  signal?: AbortSignal | undefined
}

export interface Wanted {
  from: number
  to: number
  /** Whether everything up to the end of the file is taken when the server knows no ranges. */
  whole: boolean
  onBegun: (kind: 'range' | 'whole') => void
  /** Waits while too much is there already. */
  put: (piece: Buffer) => Promise<void>
}

/**
 * Fetches a part of a file. A request that breaks off goes on where it broke off.
 *
 * @throws LLMError ERR_INTEGRITY when the server has another size than the listing; ERR_NETWORK; what `refuse` makes; `signal.reason`
 */
export async function fetchRange(file: HubFile, wanted: Wanted): Promise<void> {
  const { client, signal } = file
  let { from, to } = wanted
  for (let failures = 0; from < to; ) {
    const before = from
    let failure: unknown
    try {
      await file.connections.run(async () => {
        signal?.throwIfAborted()
        const answer = await ask(file, from, to)
        const ranged = answer.statusCode === 206
        if (!ranged && wanted.whole) to = file.size
        wanted.onBegun(ranged ? 'range' : 'whole')
        let skip = ranged ? 0 : from
        for await (const read of answer.body as AsyncIterable<Buffer>) {
          const piece = read.subarray(skip, skip + to - from)
          const surplus = read.length - skip - piece.length
          skip = Math.max(0, skip - read.length)
          from += piece.length
          client.lend(piece)
          if (piece.length > 0) await wanted.put(piece)
          // Leaving the loop closes the connection; an answer that ends leaves it open for the next range.
          if (from === to && surplus > 0) break
        }
      })
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof LLMError) throw error
      failure = error
    }
    if (from === to) return
    failures = from > before ? 1 : failures + 1
    if (failures > retries) throw networkError(file.url, failure ?? new Error(`${file.name}: the connection broke off`))
    await sleep(firstPause * 2 ** (failures - 1), undefined, { signal }).catch(() => signal?.throwIfAborted())
  }
}

/** The answer for a range: 206, or 200 with the whole file. */
async function ask(file: HubFile, from: number, to: number): Promise<Answer> {
  const { client, url, moved, name, size, signal } = file
  const headers = from === 0 && to === size ? {} : { range: `bytes=${from}-${to - 1}` }
  let answer = await client.get(moved.to ?? url, { headers, signal })
  if (moved.to && answer.statusCode >= 400) {
    // Signed addresses run out; the hub knows a new one.
    discard(answer)
    moved.to = undefined
    answer = await client.get(url, { headers, signal })
  }
  if (answer.statusCode !== 200 && answer.statusCode !== 206) throw await file.refuse(answer)
  moved.to = answer.url.href === url.href ? undefined : answer.url
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(String(answer.headers['content-range'] ?? '')) ?? []
  const length = answer.headers['content-length']
  const found = answer.statusCode === 206 ? total : typeof length === 'string' ? length : String(size)
  if (
    answer.headers['content-encoding'] ||
    found === undefined ||
    (answer.statusCode === 206 && Number(first) !== from)
  ) {
    discard(answer)
    throw new LLMError(
      'ERR_NETWORK',
      `${shown(answer.url)}: the answer is not the range of the file that was asked for`,
    )
  }
  if (Number(found) === size) return answer
  discard(answer)
  throw new LLMError(
    'ERR_INTEGRITY',
    `${name}: expected ${size} bytes, as the hub lists it, found ${found} at ${shown(answer.url)}`,
  )
}
