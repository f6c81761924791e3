import type { RequestParams } from '../engine/boundary.js'
import type { GenerationOptions } from '../options/generation.js'
import type { LogitBias, TokenSequence } from '../options/token-lists.js'
import { checkToken } from './prompt.js'

/** The options of sampling that say something of tokens, as the addon takes them. */
export type TokenParams = Pick<
  RequestParams,
  | 'logitBias'
  | 'logitBiasValues'
  | 'badWordsIds'
  | 'drySequenceBreakers'
  | 'forcedEosTokenId'
  | 'exponentialDecayLengthPenalty'
  | 'suppressTokens'
  | 'beginSuppressTokens'
  | 'xtcProtectedTokens'
  | 'tokenLimit'
  | 'absentTokens'
>

/** No option says anything of tokens. */
export const noTokenParams: TokenParams = {
  logitBias: new Int32Array(0),
  logitBiasValues: [],
  badWordsIds: new Int32Array(0),
  drySequenceBreakers: new Int32Array(0),
  forcedEosTokenId: new Int32Array(0),
  exponentialDecayLengthPenalty: [],
  suppressTokens: new Int32Array(0),
  beginSuppressTokens: new Int32Array(0),
  xtcProtectedTokens: new Int32Array(0),
  tokenLimit: 0,
  absentTokens: new Int32Array(0),
}

/** What the options need of the model. */
export interface TokenContext {
  vocabularySize: number
  /** End tokens of the model's files. */
  stopTokenIds: readonly number[]
  /** The tokens of a text by itself. */
  encodeWord: (text: string) => Promise<readonly number[]>
  /** Ids below the vocabulary's size that have no token: all from `limit` on, and `absent`. */
  limit: number
  absent: readonly number[]
}

/** The author's choice. */
const defaultBreakers = ['\n', ':', '"', '*']

/**
 * @throws LLMError ERR_TOKEN_ID for a token id that the model does not have; what encoding a text throws
 */
export async function resolveTokens(context: TokenContext, options: GenerationOptions): Promise<TokenParams> {
  const biases = biasesOf(options.logitBias ?? [])
  const ids = (name: keyof GenerationOptions, tokens: readonly number[] | number | undefined = []) =>
    Int32Array.from([tokens].flat(), (token) => checkToken(token, context.vocabularySize, () => name))
  const sequences = async (name: keyof GenerationOptions, all: readonly TokenSequence[]) => {
    const found = await Promise.all(
      all.map((one) => (typeof one === 'string' ? context.encodeWord(one) : [one].flat())),
    )
    return Int32Array.from(found.flatMap((tokens) => [tokens.length, ...ids(name, tokens)]))
  }
  return {
    logitBias: await sequences(
      'logitBias',
      biases.map(([what]) => what),
    ),
    logitBiasValues: biases.map(([, bias]) => bias),
    badWordsIds: await sequences('badWordsIds', options.badWordsIds ?? []),
    drySequenceBreakers: await breakers(context, options),
    forcedEosTokenId: ids('forcedEosTokenId', options.forcedEosTokenId),
    exponentialDecayLengthPenalty: [...(options.exponentialDecayLengthPenalty ?? [])],
    suppressTokens: ids('suppressTokens', options.suppressTokens),
    beginSuppressTokens: ids('beginSuppressTokens', options.beginSuppressTokens),
    xtcProtectedTokens: await xtcProtected(context, options),
    tokenLimit: context.limit,
    absentTokens: Int32Array.from(context.absent),
  }
}

function biasesOf(bias: LogitBias): readonly (readonly [TokenSequence, number])[] {
  return Array.isArray(bias) ? bias : Object.entries(bias).map(([id, value]) => [Number(id), value as number])
}

/** The last token of each, behind a letter, as the author has it: some tokenizers put a space before what begins a text. */
async function breakers(context: TokenContext, options: GenerationOptions): Promise<Int32Array> {
  if (!options.dryMultiplier) return noTokenParams.drySequenceBreakers
  const texts = options.drySequenceBreakers ?? defaultBreakers
  return await lastTokens(
    context,
    texts.map((text) => `a${text}`),
  )
}

/** XTC leaves the ends of lines and answers, as the author has it. */
async function xtcProtected(context: TokenContext, options: GenerationOptions): Promise<Int32Array> {
  if (!options.xtcProbability) return noTokenParams.xtcProtectedTokens
  return Int32Array.from([...(await lastTokens(context, ['a\n'])), ...context.stopTokenIds])
}

async function lastTokens(context: TokenContext, texts: readonly string[]): Promise<Int32Array> {
  const all = await Promise.all(texts.map(context.encodeWord))
  const last = all.flatMap((tokens) => tokens.slice(-1)).filter((token) => token < context.vocabularySize)
  return Int32Array.from(new Set(last))
}
