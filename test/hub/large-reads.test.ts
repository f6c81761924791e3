import type { Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { LargeReads } from '#lib/hub/large-reads.js'

/** A connection without a network: what `arrive` is given is read as Node reads it. */
function connect({ onread }: LargeReads) {
  const socket = new PassThrough({ highWaterMark: 2 ** 30 }) as unknown as Socket
  const buffer = onread.buffer as () => Buffer
  let place = buffer()
  return {
    socket,
    /** @returns the memory that holds it, and the piece that came */
    arrive(content: Buffer) {
      const { buffer: memory, length } = place
      t.ok(length >= 2 ** 18, 'a quarter of a megabyte may come at once')
      t.ok(memory instanceof SharedArrayBuffer)
      place.set(content)
      onread.callback.call(socket, content.length, place)
      place = buffer()
      return { buffer: memory, piece: socket.read() as Buffer }
    },
  }
}

const large = Buffer.alloc(2 ** 18, 'large')

t.test('what arrives is read in large pieces, one behind the other', async (t) => {
  const connection = connect(new LargeReads())
  const found = [Buffer.from('small'), large, large, large, large].map((content) => {
    const { piece, buffer } = connection.arrive(content)
    t.ok(piece.equals(content))
    return buffer
  })
  t.equal(new Set(found).size, 2, 'a slab holds several pieces')
})

t.test('memory is used again when all of its pieces have come back, and never before', async (t) => {
  const reads = new LargeReads()
  const [one, other] = [connect(reads), connect(reads)]
  const come = (connection: typeof one, content = large) => {
    const came = connection.arrive(content)
    reads.lend(came.piece)
    return came
  }
  const pieces = [1, 2, 3, 4].map(() => come(one))
  const first = pieces[0]!.buffer
  t.ok(pieces.every(({ buffer }) => buffer === first))
  reads.release(pieces.slice(1).map(({ piece }) => piece))
  for (let i = 0; i < 8; i++) t.not(come(other).buffer, first, 'one piece is still out')
  reads.release([pieces[0]!.piece])
  reads.release([Buffer.alloc(10)])
  for (let i = 0; i < 8; i++) t.not(come(other).buffer, first, 'more may have come of it')
  come(one)
  const after = Array.from({ length: 5 }, () => come(other).buffer)
  t.ok(after.includes(first), 'what came behind it says that nothing more comes of it')
})

t.test('what never comes to a reader keeps no memory', async (t) => {
  const reads = new LargeReads()
  const connection = connect(reads)
  const used = new Set(
    Array.from({ length: 40 }, () => {
      connection.arrive(Buffer.from('HTTP/1.1 206 Partial Content'))
      const { buffer, piece } = connection.arrive(large)
      reads.lend(piece)
      reads.release([piece])
      return buffer
    }),
  )
  t.ok(used.size <= 3, `${used.size} slabs`)
  // Nor does an answer that nobody takes piece by piece.
  for (let i = 0; i < 12; i++) connection.arrive(large)
  const { piece } = connection.arrive(large)
  reads.lend(piece)
  const free = connect(reads).arrive(large).buffer
  t.ok(free !== piece.buffer)
})

t.test('memory that a connection still reads into is not given to another', async (t) => {
  const reads = new LargeReads()
  const [one, other] = [connect(reads), connect(reads)]
  const { buffer, piece } = one.arrive(large)
  reads.lend(piece)
  reads.release([piece])
  for (let i = 0; i < 8; i++) t.not(other.arrive(large).buffer, buffer)
})

t.test('a connection that begins while a piece arrives gets memory of its own', async (t) => {
  const reads = new LargeReads()
  const one = connect(reads)
  let other: ReturnType<typeof connect> | undefined
  one.socket.push = () => {
    other ??= connect(reads)
    return true
  }
  const { buffer } = one.arrive(large)
  t.not(other?.arrive(large).buffer, buffer)
  t.equal(one.arrive(large).buffer, buffer)
})
