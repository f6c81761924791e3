const encoder = new TextEncoder()

/** Bytes that are appended one after another: an array for each token would cost more than what is in it. */
export class ByteWriter {
  length = 0
  #bytes: Uint8Array<ArrayBuffer>

  /** @param expected how many bytes there may be; it grows when there are more */
  constructor(expected: number) {
    this.#bytes = new Uint8Array(Math.max(expected, 64))
  }

  byte(value: number): void {
    if (this.length === this.#bytes.length) this.#reserve(1)
    this.#bytes[this.length++] = value
  }

  /** Appends UTF-8. */
  text(text: string): void {
    // No UTF-16 unit takes more than three bytes.
    this.#reserve(3 * text.length)
    this.length += encoder.encodeInto(text, this.#bytes.subarray(this.length)).written
  }

  /** What was written, in a buffer of its own. */
  taken(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length)
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.length + more))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}
