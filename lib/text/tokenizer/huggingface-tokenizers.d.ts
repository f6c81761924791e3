/**
 * What is used of @huggingface/tokenizers, as its own declarations have it (0.2.0). Those import each other without
 * file extensions, which Node's module resolution does not follow.
 */
declare module '@huggingface/tokenizers' {
  /** A pre-tokenizer that cuts text at the matches of a pattern. */
  export class SplitPreTokenizer {
    constructor(config: {
      type: 'Split'
      pattern: { String?: string; Regex?: string }
      behavior: 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'
      invert: boolean
    })
    /** The pattern as JavaScript's, with the flags `gu`. */
    pattern: RegExp | null
  }
}
