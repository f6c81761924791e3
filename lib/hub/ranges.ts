import { fetchRange, type HubFile } from './hub-file.js'
import { Pieces } from './pieces.js'

/** Bytes of one request. What arrives behind the first of them waits in memory, so `rangeBytes` × `ahead` is all that it takes. */
const rangeBytes = 8 * 2 ** 20
/** Requests of one file at once. */
const ahead = 4

interface Range {
  pieces: Pieces
  /** Whether the server sends the range or, because it knows no ranges, the whole file. Never rejects. */
  begun: Promise<'range' | 'whole'>
  done: Promise<void>
}

/**
 * The bytes of a file from `start` to its end, in order, fetched by several requests at once. A server that knows no ranges is read from
 * the beginning by one request.
 *
 * @throws as {@link fetchRange}
 */
export async function* readFrom(file: HubFile, start: number): AsyncGenerator<Buffer[]> {
  const stop = new AbortController()
  const signal = file.signal ? AbortSignal.any([file.signal, stop.signal]) : stop.signal
  const ranges: Range[] = []
  let next = start
  const ask = (whole: boolean): void => {
    const end = Math.min(next + rangeBytes, file.size)
    ranges.push(begin({ ...file, signal }, next, end, whole))
    next = end
  }
  try {
    if (next < file.size) ask(true)
    if ((await ranges[0]?.begun) === 'whole') next = file.size
    for (;;) {
      while (next < file.size && ranges.length < ahead) ask(false)
      const [first] = ranges
      if (!first) return
      yield* first.pieces.read()
      ranges.shift()
    }
  } finally {
    stop.abort()
    for (const { pieces } of ranges) pieces.drop()
    await Promise.all(ranges.map(({ done }) => done))
  }
}

/** @param whole whether the rest of the file will do, too */
function begin(file: HubFile, from: number, to: number, whole: boolean): Range {
  const pieces = new Pieces(rangeBytes)
  let onBegun: (kind: 'range' | 'whole') => void = () => undefined
  const begun = new Promise<'range' | 'whole'>((resolve) => {
    onBegun = resolve
  })
  const done = fetchRange(file, { from, to, whole, onBegun, put: (piece) => pieces.put(piece) }).then(
    () => pieces.end(),
    (error: unknown) => pieces.end({ error }),
  )
  return { pieces, begun: Promise.race([begun, done.then(() => 'range' as const)]), done }
}
