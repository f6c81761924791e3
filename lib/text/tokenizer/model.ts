import { LLMError } from '../../errors.js'
import { Bpe, type Merge } from './bpe.js'
import { booleanOf, brief, countOf, stringOf, unsupported } from './config.js'
import { Unigram } from './unigram.js'
import type { ModelConfig } from './vocabulary.js'
import { WordLevel } from './word-level.js'
import { WordPiece } from './word-piece.js'

/** What makes tokens of words. */
export interface TokenModel {
  /** Appends the ids of `word` to `ids`. */
  encode(word: string, ids: number[]): void
}

/**
 * Builds the model.
 * @param vocabulary tokens and ids; of equal tokens, the last.
 * @param idOf finds tokens, added ones too.
 * @param where names the file and the field in errors.
 * @throws LLMError ERR_TOKENIZER_INVALID, naming the field; ERR_UNSUPPORTED_TOKENIZER for a model that drops merges at
 * random.
 */
export function createModel(
  model: ModelConfig,
  vocabulary: ReadonlyMap<string, number>,
  idOf: (content: string) => number | undefined,
  where: string,
): TokenModel {
  const unknown = (fallback?: string): number | undefined => {
    const token = model['unk_token'] ?? fallback
    if (token === undefined) return undefined
    return idOf(stringOf({ unk_token: token }, 'unk_token', where))
  }
  switch (model.type) {
    case 'BPE': {
      checkMerges(model['merges'], where)
      const dropout = model['dropout'] ?? 0
      if (dropout !== 0) unsupported(where, `dropout ${brief(dropout)} is not supported: it would encode at random`)
      return new Bpe(
        {
          merges: model['merges'] as Merge[],
          unknown: unknown(),
          fuseUnknown: booleanOf(model, 'fuse_unk', where, false),
          ignoreMerges: booleanOf(model, 'ignore_merges', where, false),
          byteFallback: booleanOf(model, 'byte_fallback', where, false),
          continuingPrefix: stringOf(model, 'continuing_subword_prefix', where, ''),
          suffix: stringOf(model, 'end_of_word_suffix', where, ''),
        },
        vocabulary,
        where,
      )
    }
    case 'Unigram': {
      const pieces = model['vocab'] as [string, number][]
      const id = (model['unk_id'] ?? null) === null ? undefined : countOf(model, 'unk_id', where, 0)
      if (id !== undefined && id >= pieces.length) {
        throw new LLMError(
          'ERR_TOKENIZER_INVALID',
          `${where}.unk_id: expected an id in 0…${pieces.length - 1}, found ${id}`,
        )
      }
      return new Unigram(
        { pieces, unknown: id, byteFallback: booleanOf(model, 'byte_fallback', where, false) },
        vocabulary,
        where,
      )
    }
    case 'WordPiece':
      return new WordPiece(
        {
          unknown: unknown('[UNK]'),
          continuingPrefix: stringOf(model, 'continuing_subword_prefix', where, '##'),
          maxCharacters: countOf(model, 'max_input_chars_per_word', where, 0, 100),
        },
        vocabulary,
        where,
      )
    case 'WordLevel':
      return new WordLevel(vocabulary, unknown('<unk>'), where)
  }
}

function checkMerges(merges: unknown, where: string): void {
  const invalid = (what: string): LLMError => new LLMError('ERR_TOKENIZER_INVALID', `${where}.merges${what}`)
  if (!Array.isArray(merges)) throw invalid(`: expected an array, found ${brief(merges)}`)
  const isMerge = Array.isArray(merges[0])
    ? (merge: unknown) => Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string')
    : (merge: unknown) => typeof merge === 'string' && merge.includes(' ')
  const wrong = merges.findIndex((merge) => !isMerge(merge))
  if (wrong >= 0) throw invalid(`[${wrong}]: expected two tokens, found ${brief(merges[wrong])}`)
}
