import type { OnReadOpts, Socket } from 'node:net'

/** Bytes of a slab, and the fewest that a socket is given to read into. */
const slabBytes = 2 ** 20
const leastBytes = 2 ** 18

/** Memory that connections read into. It is shared, so that the thread that writes sees it, too. */
interface Slab {
  memory: Buffer
  /** Bytes that are with a reader. */
  lent: number
  /** Whether nothing in it will come to a reader any more: what has not come by now never will, such as headers. */
  over: boolean
  /** What the same connection read into before. */
  before: Slab | undefined
}

/**
 * Lets connections read what has arrived in one go, up to a megabyte. Node reads at most 64 KiB otherwise, and what a piece costs in
 * JavaScript, not its bytes, bounds the speed of a download. TLS has pieces of at most 16 KiB anyway.
 */
export class LargeReads {
  readonly #slabs = new WeakMap<ArrayBufferLike, Slab>()
  readonly #free: Slab[] = []
  /** What a socket reads into. */
  readonly #current = new WeakMap<Socket, Slab>()
  #rest: Uint8Array | undefined

  /** For all sockets alike. Node asks for the next buffer as soon as a callback has ended. */
  readonly onread: OnReadOpts = {
    buffer: () => {
      const rest = this.#rest
      this.#rest = undefined
      return rest && rest.length >= leastBytes ? rest : this.#take().memory
    },
    callback: this.#callback(),
  }

  /** Says that a piece has come to its reader, who will {@link release} it. Those of a connection come in order. */
  lend({ buffer, length }: Uint8Array): void {
    const slab = this.#slabs.get(buffer)
    if (!slab) return
    slab.lent += length
    for (let { before } = slab; before; before = before.before) {
      before.over = true
      this.#reuse(before)
    }
    slab.before = undefined
  }

  /**
   * Takes pieces back that nobody reads any more, so that their memory is used again: to allocate and to free it costs more than to fill
   * it.
   */
  release(pieces: readonly Uint8Array[]): void {
    for (const { buffer, length } of pieces) {
      const slab = this.#slabs.get(buffer)
      if (!slab || length === 0) continue
      slab.lent -= length
      this.#reuse(slab)
    }
  }

  #callback(): OnReadOpts['callback'] {
    const reads = this
    // Node calls it as a method of the socket, though its types do not say so.
    return function (this: unknown, bytes: number, buffer: Uint8Array): boolean {
      return reads.#arrived(this as Socket, buffer.subarray(0, bytes), buffer.subarray(bytes))
    }
  }

  #arrived(socket: Socket, piece: Uint8Array, rest: Uint8Array): boolean {
    const slab = this.#slabs.get(piece.buffer)
    const current = this.#current.get(socket)
    if (slab && slab !== current) {
      slab.before = current
      this.#current.set(socket, slab)
    }
    const more = socket.push(piece)
    // Not before: a connection that began meanwhile would read into the same slab.
    this.#rest = rest
    return more
  }

  #take(): Slab {
    const memory = this.#free.pop()?.memory ?? Buffer.from(new SharedArrayBuffer(slabBytes))
    const slab = { memory, lent: 0, over: false, before: undefined }
    this.#slabs.set(memory.buffer, slab)
    return slab
  }

  #reuse(slab: Slab): void {
    if (slab.over && slab.lent === 0) this.#free.push(slab)
  }
}
