import { LLMError } from '../../errors.js'
import { type AddedToken, AddedTokenMatcher } from './added-tokens.js'
import { createTokenTable } from './create-token-table.js'
import { createModel, type TokenModel } from './model.js'
import { createNormalizer, type Normalizer } from './normalizer.js'
import { createPostProcessor } from './post-processor.js'
import { createPreTokenizer, type PreTokenizer } from './pre-tokenizer.js'
import type { TokenTable } from './token-table.js'
import { mergeAddedTokens, readTokenizerFile, type TokenizerFile, tokenContent } from './tokenizer-file.js'

/** Longest text that is encoded, in UTF-16 units. A longer one fits no context, and its arrays would exhaust the memory. */
const maxTextLength = 8 * 1024 * 1024

/** Options of {@link Tokenizer.encode}. */
export interface TokenizeOptions {
  /** Adds what the files ask for before and after the text, such as BOS and EOS. */
  addSpecialTokens: boolean
  /** Treats special tokens in the text as plain text. */
  splitSpecialTokens: boolean
  /** The character that {@link Tokenizer.breakLiterals} put into the text; it is removed before words are encoded. */
  breaker?: string
}

/**
 * Encodes text as the Rust library and transformers do it: finds added tokens, normalizes the text
 * between them, cuts it into words and each word into tokens of
 * the model.
 */
export class Tokenizer {
  readonly path: string
  readonly addedTokens: ReadonlyMap<string, AddedToken>
  readonly bosTokenId: number | undefined
  /** Id of the config's `eos_token`; empty when there is none. */
  readonly eosTokenIds: number[]
  readonly #file: TokenizerFile
  readonly #normalizer: Normalizer
  readonly #preTokenizer: PreTokenizer
  readonly #model: TokenModel
  readonly #vocabulary: ReadonlyMap<string, number>
  readonly #raw: AddedTokenMatcher
  readonly #normalized: AddedTokenMatcher
  readonly #special: AddedTokenMatcher
  readonly #prefix: number[]
  readonly #suffix: number[]
  readonly #cleanUpSpaces: boolean

  /**
   * @param path of tokenizer.json, which may have at most 64 MiB.
   * @param config tokenizer_config.json, merged with special_tokens_map.json.
   * @throws LLMError as {@link readTokenizerFile}; it names the file.
   */
  constructor(path: string, config: Record<string, unknown>) {
    const file = readTokenizerFile(path)
    this.path = path
    // It damages what BPE keeps exactly, such as code. Later versions of transformers leave BPE alone, too.
    this.#cleanUpSpaces = config['clean_up_tokenization_spaces'] === true && file.model.type !== 'BPE'
    this.#file = file
    this.#normalizer = createNormalizer(file.normalizer, `${path}: normalizer`)
    this.#preTokenizer = createPreTokenizer(file.preTokenizer, `${path}: pre_tokenizer`)
    this.#vocabulary = file.vocabulary.ids
    this.addedTokens = mergeAddedTokens(file, config)
    this.#model = createModel(file.model, this.#vocabulary, (content) => this.#idOf(content), `${path}: model`)
    const tokens = [...this.addedTokens.values()]
    this.#raw = new AddedTokenMatcher(
      tokens.filter((token) => !token.normalized).map((token) => [token.content, token]),
    )
    this.#normalized = new AddedTokenMatcher(
      tokens.filter((token) => token.normalized).map((token) => [this.#normalizer(token.content), token]),
    )
    this.#special = new AddedTokenMatcher(
      tokens.filter((token) => token.special).map((token) => [token.content, token]),
    )
    const named = (key: string): number | undefined => this.#idOf(tokenContent(config[key]))
    this.bosTokenId = named('bos_token')
    const eos = named('eos_token')
    this.eosTokenIds = eos === undefined ? [] : [eos]
    const { prefix, suffix } = createPostProcessor(file.postProcessor, `${path}: post_processor`, (content) =>
      this.#idOf(content),
    )
    this.#prefix = withFlag(prefix, config['add_bos_token'], this.bosTokenId, (id, rest) => [id, ...rest])
    this.#suffix = withFlag(suffix, config['add_eos_token'], eos, (id, rest) => [...rest, id])
  }

  /** The bytes of all tokens. Each call builds a new table, because tables are transferred to other threads. */
  table(): TokenTable {
    const where = `${this.path}: decoder`
    const { decoder, preTokenizer, normalizer } = this.#file
    const byteLevel = JSON.stringify([preTokenizer, normalizer]).includes('"ByteLevel"')
    if (byteLevel && (decoder === null || decoder === undefined)) {
      throw new LLMError('ERR_UNSUPPORTED_TOKENIZER', `${where}: expected one that reads bytes, found none`)
    }
    const added = [...this.addedTokens.values()].map((token) => {
      return token.normalized ? { ...token, content: this.#normalizer(token.content) } : token
    })
    return createTokenTable(this.#file.vocabulary.tokens, added, decoder, this.#cleanUpSpaces, where)
  }

  encode(text: string, options: TokenizeOptions): number[] {
    if (text.length > maxTextLength) {
      throw new LLMError(
        'ERR_CONTEXT_LENGTH',
        `the text has ${text.length} characters; at most ${maxTextLength} can be encoded`,
      )
    }
    const ids = options.addSpecialTokens ? [...this.#prefix] : []
    // A lone surrogate has no UTF-8.
    for (const piece of this.#raw.split(text.replace(/\p{Surrogate}/gu, '\ufffd'), options.splitSpecialTokens)) {
      if ('id' in piece) ids.push(piece.id)
      else this.#encodePlain(piece.text, piece.start === 0, options, ids)
    }
    if (options.addSpecialTokens) ids.push(...this.#suffix)
    return ids
  }

  /** Puts `breaker` into every special token that stands in the text, so that it no longer matches. */
  breakLiterals(text: string, breaker: string): string {
    const cuts = new Set<number>()
    this.#special.overlapping(text, (start, token) => {
      // A token of one character cannot be cut. The breaker goes after it, and it still matches: it has no plain text.
      cuts.add(start + String.fromCodePoint(token.content.codePointAt(0) ?? 0).length)
    })
    let result = ''
    let done = 0
    for (const cut of [...cuts].sort((a, b) => a - b)) {
      result += text.slice(done, cut) + breaker
      done = cut
    }
    return result + text.slice(done)
  }

  #encodePlain(text: string, first: boolean, options: TokenizeOptions, ids: number[]): void {
    if (options.breaker !== undefined && text.replaceAll(options.breaker, '') === '') return
    for (const piece of this.#normalized.split(this.#normalizer(text), options.splitSpecialTokens)) {
      if ('id' in piece) {
        ids.push(piece.id)
        continue
      }
      const plain = options.breaker === undefined ? piece.text : piece.text.replaceAll(options.breaker, '')
      if (plain === '') continue
      for (const word of this.#preTokenizer(plain, first && piece.start === 0)) this.#model.encode(word, ids)
    }
  }

  #idOf(content: string | undefined): number | undefined {
    if (content === undefined) return undefined
    return this.addedTokens.get(content)?.id ?? this.#vocabulary.get(content)
  }
}

/** Applies `add_bos_token` or `add_eos_token` of the config, which overrule the post-processor. */
function withFlag(
  ids: number[],
  flag: unknown,
  id: number | undefined,
  add: (id: number, rest: number[]) => number[],
): number[] {
  if (typeof flag !== 'boolean' || id === undefined) return ids
  const rest = ids.filter((other) => other !== id)
  return flag ? add(id, rest) : rest
}
