/** What differs between kinds of tokenizers, in the notation of tokenizer.json. */
export interface TokenizerParts {
  /** Whether a BOS token is added when the metadata does not say. */
  addBos: boolean
  normalizer: Record<string, unknown> | null
  preTokenizer: Record<string, unknown> | null
  decoder: Record<string, unknown>
  model: {
    unk_token: string | null
    fuse_unk: boolean
    byte_fallback: boolean
    ignore_merges: boolean
    merges: [string, string][]
  }
}
