import { LLMError } from '../../errors.js'
import { swallowsSpaces } from '../families.js'
import { byteLevelParts } from './byte-level.js'
import type { GgufHeader } from './metadata.js'
import { sentencePieceParts } from './sentencepiece.js'
import type { TokenizerParts } from './tokenizer-parts.js'
import { readVocabulary, TokenType, type Vocabulary } from './vocabulary.js'

/** The tokenizer files of a model folder. */
export interface TokenizerFiles {
  /** Content of tokenizer.json. */
  tokenizer: Record<string, unknown>
  /** Content of tokenizer_config.json. */
  config: Record<string, unknown>
  /** Chat templates by name; `default` becomes chat_template.jinja. */
  templates: ReadonlyMap<string, string>
}

const kinds: ReadonlyMap<string, (vocabulary: Vocabulary) => TokenizerParts> = new Map([
  ['gpt2', byteLevelParts],
  ['llama', sentencePieceParts],
])

/** Kinds that llama.cpp knows and this package does not take, and why. */
const otherKinds: ReadonlyMap<string, string> = new Map([
  ['bert', 'WordPiece, which GGUFs of encoders have'],
  ['t5', 'Unigram, which GGUFs of encoder-decoders have'],
  ['rwkv', 'RWKV is no transformer'],
  ['plamo2', "PLaMo's own tokenizer has no tokenizer.json"],
  ['gemma4', 'its BPE is not byte-level'],
  ...['none', 'no_vocab'].map((name) => [name, 'the file has no vocabulary'] as const),
])

/**
 * Makes the tokenizer files from GGUF metadata.
 *
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER when the kind or the pre-tokenizer is not known, ERR_TOKENIZER_INVALID when it is damaged
 */
export function tokenizerFiles(header: GgufHeader): TokenizerFiles {
  const vocabulary = readVocabulary(header.metadata)
  const { metadata, tokens, ids } = vocabulary
  const makeParts = kinds.get(vocabulary.model)
  if (!makeParts) {
    const known = `expected "tokenizer.ggml.model" to be one of ${[...kinds.keys()].join(', ')}`
    const reason = otherKinds.get(vocabulary.model)
    throw new LLMError(
      'ERR_UNSUPPORTED_TOKENIZER',
      `${header.path}: ${known}, found ${JSON.stringify(vocabulary.model)}${reason === undefined ? '' : `: ${reason}`}`,
    )
  }
  const { addBos, normalizer, preTokenizer, decoder, model } = makeParts(vocabulary)

  const ends = {
    bos: boundary(
      vocabulary,
      'bos',
      metadata.boolean('tokenizer.ggml.add_bos_token') ?? (addBos && vocabulary.bos !== undefined),
    ),
    eos: boundary(vocabulary, 'eos', metadata.boolean('tokenizer.ggml.add_eos_token') ?? false),
  }
  const added = addedTokens(vocabulary, header.architecture, ends.bos !== undefined)
  // Without a prototype `__proto__` is a token like any other.
  const vocab: Record<string, number> = Object.create(null) as Record<string, number>
  for (const [token, id] of ids) vocab[token] = id

  const text = (id: number | undefined): string | null => (id === undefined ? null : (tokens[id] ?? null))
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer,
      pre_tokenizer: preTokenizer,
      post_processor: postProcessor(ends),
      decoder,
      model: { type: 'BPE', dropout: null, continuing_subword_prefix: null, end_of_word_suffix: null, ...model, vocab },
    },
    config: {
      add_bos_token: ends.bos !== undefined,
      add_eos_token: ends.eos !== undefined,
      added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [id, token])),
      bos_token: text(vocabulary.bos),
      clean_up_tokenization_spaces: false,
      eos_token: text(vocabulary.eos),
      model_max_length: metadata.integer(`${header.architecture}.context_length`, 1) ?? null,
      pad_token: text(vocabulary.padding),
      tokenizer_class: 'PreTrainedTokenizerFast',
      unk_token: text(vocabulary.unknown),
    },
    templates: readTemplates(vocabulary),
  }
}

interface BoundaryToken {
  id: number
  text: string
}

function boundary(
  { metadata, tokens, ...ids }: Vocabulary,
  which: 'bos' | 'eos',
  add: boolean,
): BoundaryToken | undefined {
  if (!add) return undefined
  const id = ids[which]
  const text = id === undefined ? undefined : tokens[id]
  if (id === undefined || text === undefined)
    throw metadata.invalid(
      `tokenizer.ggml.${which}_token_id`,
      `a token id, because "tokenizer.ggml.add_${which}_token" is true`,
    )
  return { id, text }
}

interface AddedToken {
  id: number
  content: string
  single_word: false
  lstrip: false
  rstrip: boolean
  normalized: false
  special: boolean
}

/** Tokens that are found in the text before anything else. */
function addedTokens({ model, tokens, types }: Vocabulary, architecture: string, addsBos: boolean): AddedToken[] {
  const swallow = swallowsSpaces({ architecture, vocabulary: model, addsBos })
  return tokens.flatMap((content, id) => {
    const type = types[id]
    const special = type === TokenType.control || (type === TokenType.unknown && model === 'llama')
    if ((!special && type !== TokenType.userDefined) || content === '') return []
    const rstrip = swallow && !['<unk>', '<s>', '<|endoftext|>'].includes(content)
    return [{ id, content, single_word: false, lstrip: false, rstrip, normalized: false, special } satisfies AddedToken]
  })
}

function postProcessor({
  bos,
  eos,
}: {
  bos: BoundaryToken | undefined
  eos: BoundaryToken | undefined
}): Record<string, unknown> {
  const around = (sequence: 'A' | 'B'): Record<string, unknown>[] => {
    const type_id = sequence === 'A' ? 0 : 1
    const token = (end: BoundaryToken | undefined): Record<string, unknown>[] =>
      end ? [{ SpecialToken: { id: end.text, type_id } }] : []
    return [...token(bos), { Sequence: { id: sequence, type_id } }, ...token(eos)]
  }
  const special = [bos, eos].flatMap((end) =>
    end ? [[end.text, { id: end.text, ids: [end.id], tokens: [end.text] }]] : [],
  )
  return {
    type: 'TemplateProcessing',
    single: around('A'),
    pair: [...around('A'), ...around('B')],
    special_tokens: Object.fromEntries(special),
  }
}

function readTemplates({ metadata }: Vocabulary): Map<string, string> {
  const templates = new Map<string, string>()
  const main = metadata.string('tokenizer.chat_template')
  if (main !== undefined) templates.set('default', main)
  for (const name of metadata.strings('tokenizer.chat_templates') ?? []) {
    const key = `tokenizer.chat_template.${name}`
    const template = metadata.string(key)
    // The name becomes a file's.
    if (template === undefined || !/^\w[\w-]{0,63}$/.test(name))
      throw metadata.invalid('tokenizer.chat_templates', `names of templates, each with its "${key.slice(0, 80)}"`)
    if (name !== 'default') templates.set(name, template)
  }
  return templates
}
