import { PassThrough } from 'node:stream'
import t from 'tap'
import type { buildConnector } from 'undici'
import { LargeReads } from '#lib/hub/large-reads.js'

interface OnRead {
  buffer: () => Buffer
  callback: (bytes: number) => boolean
}

/** A connection without a network: what `arrive` is given is read as Node reads it. */
function connect(reads: LargeReads) {
  const socket = new PassThrough({ highWaterMark: 2 ** 30 })
  let onread: OnRead | undefined
  const build = (options: { onread: OnRead }) => {
    onread = options.onread
    return (_target: unknown, done: (error: null, made: unknown) => void) => done(null, socket)
  }
  const connector = reads.connector(build as unknown as typeof buildConnector, { timeout: 1 })
  connector({ hostname: 'host', protocol: 'http:', port: '1' }, () => undefined)
  let place = onread?.buffer() as Buffer
  return {
    /** @returns the memory that holds it, and the piece that came */
    arrive(content: Buffer) {
      const { buffer, length } = place
      t.ok(length >= 2 ** 18, 'a quarter of a megabyte may come at once')
      content.copy(place)
      onread?.callback(content.length)
      place = onread?.buffer() as Buffer
      return { buffer, piece: socket.read() as Buffer }
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
  const pieces = [1, 2, 3, 4].map(() => one.arrive(large))
  const first = pieces[0]!.buffer
  t.ok(pieces.every(({ buffer }) => buffer === first))
  reads.release(pieces.slice(1).map(({ piece }) => piece))
  for (let i = 0; i < 8; i++) t.not(other.arrive(large).buffer, first, 'one piece is still out')
  reads.release([pieces[0]!.piece])
  reads.release([Buffer.alloc(10)])
  const after = Array.from({ length: 5 }, () => other.arrive(large).buffer)
  t.ok(after.includes(first))
})

t.test('memory that a connection still reads into is not given to another', async (t) => {
  const reads = new LargeReads()
  const [one, other] = [connect(reads), connect(reads)]
  const { buffer, piece } = one.arrive(large)
  reads.release([piece])
  for (let i = 0; i < 8; i++) t.not(other.arrive(large).buffer, buffer)
})
