const encoder = new TextEncoder()

/** The tokens `<0x00>` to `<0xFF>`, with which a model writes characters that are not in its vocabulary. */
export class ByteTokens {
  readonly #ids: Int32Array

  constructor(vocabulary: ReadonlyMap<string, number>) {
    this.#ids = Int32Array.from({ length: 256 }, (_, byte) => {
      return vocabulary.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`) ?? -1
    })
  }

  /** One id for each UTF-8 byte of `text`; undefined when the vocabulary lacks one of them. */
  encode(text: string): number[] | undefined {
    const ids = Array.from(encoder.encode(text), (byte) => this.#ids[byte]!)
    return ids.includes(-1) ? undefined : ids
  }
}
