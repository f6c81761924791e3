import type { Segment, Stage } from './stage.js'

/** The last stage: leaves special tokens out of the text. All stages before it see them. */
export class SpecialTokens implements Stage {
  readonly #skip: boolean

  /** @param skip false lets them through. */
  constructor(skip: boolean) {
    this.#skip = skip
  }

  push(segments: readonly Segment[]): Segment[] {
    return segments.filter(({ special }) => !(special && this.#skip))
  }

  end(): Segment[] {
    return []
  }
}
