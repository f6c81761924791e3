import type { Socket } from 'node:net'
import type { buildConnector } from 'undici'

/** Bytes of a slab, and the fewest that a socket is given to read into. */
const slabBytes = 2 ** 20
const leastBytes = 2 ** 18

interface Slab {
  memory: Buffer
  /** Bytes of it that went to a reader and have not come back. */
  lent: number
  /** Whether a socket still reads into it. */
  open: boolean
}

/**
 * Connections that read what has arrived in one go, up to a megabyte. Node reads at most 64 KiB otherwise, and what a piece costs in
 * JavaScript, not its bytes, bounds the speed of a download.
 */
export class LargeReads {
  readonly #slabs = new WeakMap<ArrayBufferLike, Slab>()
  readonly #free: Slab[] = []

  connector(build: typeof buildConnector, options: { timeout: number }): buildConnector.connector {
    return (target, done) => {
      let socket: Socket | undefined
      let slab: Slab | undefined
      let start = 0
      const onread = {
        buffer: () => {
          if (slab === undefined || slab.memory.length - start < leastBytes) {
            if (slab) this.#close(slab)
            slab = this.#take()
            start = 0
          }
          return slab.memory.subarray(start)
        },
        callback: (bytes: number) => {
          if (!slab) return true
          const piece = slab.memory.subarray(start, start + bytes)
          start += bytes
          slab.lent += bytes
          // Nothing was asked before the connection stood, so what came before is no answer.
          return socket?.push(piece) ?? true
        },
      }
      build({ ...options, onread })(target, (...made) => {
        socket = made[1] ?? undefined
        done(...made)
      })
    }
  }

  /**
   * Takes pieces back that nobody reads any more, so that their memory is used again: to allocate and to free it costs more than to fill
   * it. What never comes back, such as headers, leaves its slab to the garbage collector.
   */
  release(pieces: readonly Uint8Array[]): void {
    for (const { buffer, length } of pieces) {
      const slab = this.#slabs.get(buffer)
      if (!slab || length === 0) continue
      slab.lent -= length
      this.#reuse(slab)
    }
  }

  #take(): Slab {
    const slab = this.#free.pop() ?? { memory: Buffer.allocUnsafeSlow(slabBytes), lent: 0, open: true }
    slab.open = true
    this.#slabs.set(slab.memory.buffer, slab)
    return slab
  }

  #close(slab: Slab): void {
    slab.open = false
    this.#reuse(slab)
  }

  #reuse(slab: Slab): void {
    if (slab.open || slab.lent > 0) return
    this.#free.push(slab)
  }
}
