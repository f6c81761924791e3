/** How a byte-level BPE cuts text into words before it merges, in the notation of tokenizer.json. */
export interface PreTokenizer {
  normalizer: { type: 'NFC' } | null
  preTokenizer: Record<string, unknown>
  /** A word that is in the vocabulary is taken whole, without merging. */
  ignoreMerges: boolean
  /** Whether a BOS token is added when the metadata does not say. */
  addBos: boolean
}

// Patterns are those of the models' own tokenizer.json, with (?i:…) and possessive quantifiers written out, which not every regular
// expression engine knows.
const contractions = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const edge = '[^\\r\\n\\p{L}\\p{N}]?'
const marks = '!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~'

const bare = (digits: string, blank = spaces): string =>
  `${edge}\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${blank}`
const words = (digits: string, blank?: string): string => `${contractions}|${bare(digits, blank)}`
const markedWords = `${contractions}|${edge}[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${spaces}`
const casedWords = (digits: string, suffix: string): string =>
  `${edge}${upper}*${lower}+${suffix}|${edge}${upper}+${lower}*${suffix}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`
const symbolWords = (ends: string): string =>
  `[${marks}][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+${ends}|\\s+(?!\\S)|\\s+`
const spacedWords = `${contractions}|${edge}(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`
const seedWords = `${contractions}|${edge}\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${spaces}`
/** An apostrophe with other letters than these begins a word, and only one end of a line belongs to a run of spaces. */
const bailingWords = `'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|${edge}\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`
const halvedSpaces = `\\s*[\\r\\n]+|${[512, 256, 128, 64, 32, 16, 8, 4, '1,2'].map((run) => `\\s{${run}}(?!\\S)`).join('|')}|\\s`
const upToPunctuation = ' ?[^(\\s|.,!?…。，、।۔،)]+'
const kana = '[一-龥぀-ゟ゠-ヿ]+'
const eastAsian = `[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|${kana}`
/** Threes that end with the number. The boundary of a word is spelled out: JavaScript's knows ASCII only. */
const threesFromEnd = '\\p{Nd}{1,3}(?=(?:\\p{Nd}{3})*(?![\\p{Alphabetic}\\p{M}\\p{N}\\p{Pc}]))'

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
const isolated = (pattern: string): Record<string, unknown> => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
})
const split = (...patterns: string[]): Record<string, unknown> => sequence(...patterns.map(isolated), byteLevel(false))

const plain = { normalizer: null, ignoreMerges: false, addBos: false } as const
const of = (preTokenizer: Record<string, unknown>): PreTokenizer => ({ ...plain, preTokenizer })
// A GGUF does not say whether text is composed first; that goes by family. transformers 5.5.4 composes (NFC) in the tokenizers of GPT-NeoX
// (mpt, olmo), Cohere (command-r), Qwen2 and Qwen3.5, and not in GPT-2's.
const composed = (base: PreTokenizer): PreTokenizer => ({ ...base, normalizer: { type: 'NFC' } })

const gpt2 = of(byteLevel(true))
const digitsFirst = of(sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)))
const threeDigits = of(split(words('\\p{N}{1,3}')))
const llama3: PreTokenizer = { ...threeDigits, ignoreMerges: true, addBos: true }
const oneDigit = of(split(words('\\p{N}')))
const deepseek3 = of(split('\\p{N}{1,3}', kana, symbolWords('[\\r\\n]*|\\s*[\\r\\n]+')))
const gpt4o = of(split(casedWords('\\p{N}{1,3}', `${contractions}?`)))
const bailing = of(split(bailingWords))
const bloom = of(split(upToPunctuation))
const threes = of(split(threesFromEnd, casedWords('\\p{N}{1,3}', `${contractions}?`)))

/** By `tokenizer.ggml.pre`, as llama.cpp names them. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ...['gpt-2', 'phi-2', 'jais', 'trillion', 'granite-docling', 'gigachat', 'a.x-4.0', 'mellum', 'exaone4'].map(
    (name) => [name, gpt2] as const,
  ),
  ['mpt', composed(gpt2)],
  ['olmo', composed(gpt2)],
  ...['smollm', 'starcoder', 'refact', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'].map(
    (name) => [name, digitsFirst] as const,
  ),
  ['command-r', composed(digitsFirst)],
  [
    'falcon',
    of(
      sequence(
        { type: 'Punctuation', behavior: 'Contiguous' },
        byteLevel(true),
        { type: 'Digits', individual_digits: false },
        isolated('[0-9][0-9][0-9]'),
      ),
    ),
  ],
  ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'].map(
    (name) => [name, llama3] as const,
  ),
  ...['dbrx', 'smaug-bpe', 'glm4', 'chatglm-bpe'].map((name) => [name, threeDigits] as const),
  ...['qwen2', 'deepseek-r1-qwen', 'kormo', 'megrez'].map((name) => [name, composed(oneDigit)] as const),
  ...['stablelm2', 'hunyuan', 'solar-open', 'grok-2'].map((name) => [name, oneDigit] as const),
  ['qwen35', composed(of(split(markedWords)))],
  ['ufakzeka', of(split(bare('\\p{N}')))],
  ['seed-coder', of(split(seedWords))],
  ...['bailingmoe', 'bailingmoe2', 'llada-moe'].map((name) => [name, bailing] as const),
  ['exaone-moe', of(split(spacedWords))],
  ['jais-2', of(split(words('\\p{N}{1,3}', halvedSpaces)))],
  ['minicpm5', { ...of(split('\\p{N}{1,3}', words('\\p{N}+'))), ignoreMerges: true }],
  ['laguna', of(split('[^\\n]+|[\\n]+', words('\\p{N}')))],
  ['tekken', { ...of(split(casedWords('\\p{N}', ''))), ignoreMerges: true, addBos: true }],
  ...['gpt-4o', 'llama4', 'kanana2', 'minimax-m2'].map((name) => [name, gpt4o] as const),
  ...['tiny_aya', 'cohere2moe'].map((name) => [name, threes] as const),
  ['youtu', { ...of(split(eastAsian, casedWords('\\p{N}', `${contractions}?`))), ignoreMerges: true }],
  ...['deepseek-v3', 'hunyuan-dense', 'joyai-llm', 'hy_v4'].map((name) => [name, deepseek3] as const),
  ['spark2_5', of(split('\\p{N}{1,3}', kana, symbolWords('|[\\r\\n]'), '\\p{N}'))],
  ['deepseek-coder', of(split('[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', '[一-龥ࠀ-一가-퟿]+', '\\p{N}'))],
  ...['bloom', 'poro-chat', 'gpt3-finnish'].map((name) => [name, bloom] as const),
  ['viking', of(split(upToPunctuation, '\\p{N}'))],
])

const encoder = 'a model that gives embeddings, not text'
/** Names that llama.cpp knows and this package does not take, and why. */
export const otherPreTokenizers: ReadonlyMap<string, string> = new Map([
  ['default', 'the converter did not know the tokenizer; convert the model anew'],
  ['deepseek-llm', 'its list of letters was not compared'],
  ['kimi-k2', 'its tokenizer has no published merges'],
  ['superbpe', 'its merges cross words'],
  ['afmoe', 'its digits were not compared'],
  ['talkie', 'its tokenizer was not compared'],
  ['chameleon', 'it makes images'],
  ['gemma4', 'its BPE is not byte-level'],
  ['sarvam-moe', 'its BPE is not byte-level'],
  ...[
    'whitespace',
    'modern-bert',
    'roberta-bpe',
    'f2llmv2',
    'jina-es',
    'jina-de',
    'jina-v1-en',
    'jina-v2-es',
    'jina-v2-de',
    'jina-v2-code',
    'jina-v5-nano',
    'granite-embed-multi-97m',
    'granite-embed-multi-311m',
  ].map((name) => [name, encoder] as const),
])
