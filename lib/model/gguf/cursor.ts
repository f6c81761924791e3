import { isUtf8 } from 'node:buffer'
import { closeSync, openSync, readSync } from 'node:fs'
import { LLMError } from '../../errors.js'
import { fileError } from '../../file-error.js'

/** Bytes that are read at once: most headers fit, and a long one costs few calls. */
const windowBytes = 1 << 20

/**
 * Reads little-endian values from a file, one after the other. Nothing lies beyond the end of the file: a value that does is an error.
 * It blocks, so it belongs in a worker thread.
 */
export class Cursor {
  /** Offset of the next value in the file; may be set. */
  position = 0
  private readonly descriptor: number
  private window = Buffer.alloc(0)
  private windowStart = 0

  /** @param size of the file, in bytes */
  constructor(
    readonly path: string,
    readonly size: number,
  ) {
    try {
      this.descriptor = openSync(path, 'r')
    } catch (error) {
      throw fileError(path, error)
    }
  }

  close(): void {
    closeSync(this.descriptor)
  }

  get remaining(): number {
    return this.size - this.position
  }

  invalid(text: string): LLMError {
    return new LLMError('ERR_MODEL_INVALID', `${this.path}: ${text}`)
  }

  u8 = (): number => this.take(1).readUInt8()
  i8 = (): number => this.take(1).readInt8()
  u16 = (): number => this.take(2).readUInt16LE()
  i16 = (): number => this.take(2).readInt16LE()
  u32 = (): number => this.take(4).readUInt32LE()
  i32 = (): number => this.take(4).readInt32LE()
  f32 = (): number => this.take(4).readFloatLE()
  f64 = (): number => this.take(8).readDoubleLE()
  /** A number where that is exact. */
  u64 = (): number | bigint => exact(this.take(8).readBigUInt64LE())
  i64 = (): number | bigint => exact(this.take(8).readBigInt64LE())

  /**
   * A count of things that follow in the file.
   * @param least bytes that each of them takes
   * @param what names them in the error
   */
  count(least: number, what: string): number {
    const count = this.u64()
    if (BigInt(count) * BigInt(least) > this.remaining)
      throw this.invalid(
        `the file is truncated or damaged: expected ${count} ${what} after byte ${this.position}, but it has ${this.size} bytes`,
      )
    return Number(count)
  }

  /**
   * A length and as many bytes of UTF-8. A byte order mark is a character like any other: vocabularies have tokens that begin with one.
   * @param what names the string in the error
   */
  string(what: string): string {
    const length = this.count(1, `bytes of ${what}`)
    const bytes = this.take(length)
    if (!isUtf8(bytes)) throw this.invalid(`expected ${what} to be UTF-8, found other bytes`)
    return bytes.toString('utf8')
  }

  /** A copy of what lies between two offsets; the position stays. */
  bytes(start: number, end: number): Buffer {
    const { position } = this
    this.position = start
    const copy = Buffer.from(this.take(end - start))
    this.position = position
    return copy
  }

  private take(length: number): Buffer {
    if (length > this.remaining)
      throw this.invalid(`the file is truncated: expected ${length} bytes after byte ${this.position} of ${this.size}`)
    let start = this.position - this.windowStart
    if (start < 0 || start + length > this.window.length) {
      this.fill(Math.min(Math.max(length, windowBytes), this.remaining))
      start = 0
    }
    this.position += length
    return this.window.subarray(start, start + length)
  }

  /** Makes the window begin at the position. A string that crosses the old window's end is read whole. */
  private fill(length: number): void {
    const window = Buffer.allocUnsafe(length)
    try {
      for (let filled = 0; filled < length; ) {
        const read = readSync(this.descriptor, window, filled, length - filled, this.position + filled)
        if (read === 0) throw this.invalid(`the file was cut to ${this.position + filled} bytes while it was read`)
        filled += read
      }
    } catch (error) {
      throw fileError(this.path, error)
    }
    this.window = window
    this.windowStart = this.position
  }
}

function exact(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
