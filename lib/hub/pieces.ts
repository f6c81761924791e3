/** Pieces of data on their way from one who fetches to one who writes. */
export class Pieces {
  readonly #most: number
  #pieces: Buffer[] = []
  #bytes = 0
  #end: { error?: unknown } | undefined
  #wake: () => void = () => undefined
  #drained: () => void = () => undefined

  /** @param most bytes that may wait before {@link put} waits */
  constructor(most: number) {
    this.#most = most
  }

  async put(piece: Buffer): Promise<void> {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    this.#wake()
    while (this.#bytes > this.#most) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve
      })
    }
  }

  /** No more come. With an error, the reader throws it once it has read what came before. */
  end(end: { error?: unknown } = {}): void {
    this.#end = end
    this.#wake()
  }

  /** Drops what waits, so that nobody waits to put more. */
  drop(): void {
    this.#take()
  }

  /** All that have come since the last time, until the end. */
  async *read(): AsyncGenerator<Buffer[]> {
    for (;;) {
      if (this.#pieces.length > 0) {
        yield this.#take()
      } else if (this.#end) {
        if ('error' in this.#end) throw this.#end.error
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  #take(): Buffer[] {
    const taken = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    this.#drained()
    return taken
  }
}
