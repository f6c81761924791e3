/** How a byte-level BPE cuts text into words before it merges, in the notation of tokenizer.json. */
export interface PreTokenizer {
  normalizer: { type: 'NFC' } | null
  preTokenizer: Record<string, unknown>
  /** A word that is in the vocabulary is taken whole, without merging. */
  ignoreMerges: boolean
  /** Whether a BOS token is added when the metadata does not say. */
  addBos: boolean
}

// Patterns are those of the models' own tokenizer.json, with (?i:…) written out, which not every regular expression engine knows.
const contractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const edge = '[^\\r\\n\\p{L}\\p{N}]?'

const words = (digits: string): string =>
  `${contractions}|${edge}\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${spaces}`
const markedWords = `${contractions}|${edge}[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${spaces}`
const casedWords = (digits: string, suffix: string): string =>
  `${edge}${upper}*${lower}+${suffix}|${edge}${upper}+${lower}*${suffix}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`

const byteLevel = (useRegex: boolean): Record<string, unknown> => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
})
const sequence = (...pretokenizers: Record<string, unknown>[]): Record<string, unknown> => ({
  type: 'Sequence',
  pretokenizers,
})
const split = (pattern: string): Record<string, unknown> =>
  sequence({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, byteLevel(false))

const plain = { normalizer: null, ignoreMerges: false, addBos: false } as const
const gpt2: PreTokenizer = { ...plain, preTokenizer: byteLevel(true) }
const digitsFirst: PreTokenizer = {
  ...plain,
  preTokenizer: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
}
const llama3: PreTokenizer = { ...plain, preTokenizer: split(words('\\p{N}{1,3}')), ignoreMerges: true, addBos: true }
const qwen2: PreTokenizer = { ...plain, normalizer: { type: 'NFC' }, preTokenizer: split(words('\\p{N}')) }
const qwen35: PreTokenizer = { ...plain, normalizer: { type: 'NFC' }, preTokenizer: split(markedWords) }
const tekken: PreTokenizer = {
  ...plain,
  preTokenizer: split(casedWords('\\p{N}', '')),
  ignoreMerges: true,
  addBos: true,
}
const gpt4o: PreTokenizer = { ...plain, preTokenizer: split(casedWords('\\p{N}{1,3}', `${contractions}?`)) }

/** By `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ['default', gpt2],
  ['gpt-2', gpt2],
  ['phi-2', gpt2],
  ['olmo', { ...gpt2, normalizer: { type: 'NFC' } }],
  ['smollm', digitsFirst],
  ['starcoder', digitsFirst],
  ['refact', digitsFirst],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  ['qwen35', qwen35],
  ['tekken', tekken],
  ['gpt-4o', gpt4o],
])
