import { LLMError } from '../../errors.js'
import type { TokenizerParts } from './tokenizer-parts.js'
import { TokenType, type Vocabulary } from './vocabulary.js'

/** Longer pieces would make the search for merges quadratic work that a hostile file chooses; real ones have some ten characters. */
const maxPieceLength = 512

/**
 * The parts of tokenizer.json for `tokenizer.ggml.model` = `llama`: SentencePiece BPE, as transformers' converter writes them.
 * The format has scores instead of merges: the pair whose joint piece has the highest score is merged first.
 *
 * @throws LLMError ERR_TOKENIZER_INVALID when the scores or byte tokens are damaged
 */
export function sentencePieceParts(vocabulary: Vocabulary): TokenizerParts {
  const { metadata, tokens, types, ids, unknown } = vocabulary
  const prefix = metadata.boolean('tokenizer.ggml.add_space_prefix') ?? true
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  const unknownId = unknown ?? (types.includes(TokenType.unknown) ? types.indexOf(TokenType.unknown) : undefined)
  const restore: Record<string, unknown>[] = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
  ]
  if (prefix) restore.push({ type: 'Strip', content: ' ', start: 1, stop: 0 })
  return {
    addBos: true,
    normalizer: { type: 'Sequence', normalizers: prefix ? [{ type: 'Prepend', prepend: '▁' }, replace] : [replace] },
    preTokenizer: null,
    decoder: { type: 'Sequence', decoders: restore },
    model: {
      unk_token: unknownId === undefined ? null : (tokens[unknownId] ?? null),
      fuse_unk: true,
      byte_fallback: hasByteTokens(metadata.file, ids),
      ignore_merges: false,
      merges: mergesFromScores(vocabulary),
    },
  }
}

function hasByteTokens(file: string, ids: ReadonlyMap<string, number>): boolean {
  const names = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  const found = names.filter((name) => ids.has(name)).length
  if (found !== 0 && found !== 256)
    throw new LLMError(
      'ERR_TOKENIZER_INVALID',
      `${file}: expected the 256 byte tokens <0x00> to <0xFF> in "tokenizer.ggml.tokens", found ${found} of them`,
    )
  return found === 256
}

/**
 * Every way to cut a piece into two pieces is a merge. Highest score first; then by the ids of the joint, the left and the right piece,
 * as the tokenizer.json of the Llama-2 and Phi-3 families have them.
 */
function mergesFromScores({ metadata, tokens, types, ids }: Vocabulary): [string, string][] {
  const scores = metadata.numbers('tokenizer.ggml.scores')
  if (scores?.length !== tokens.length || !scores.every(Number.isFinite))
    throw metadata.invalid('tokenizer.ggml.scores', `an array of ${tokens.length} numbers, one per token`)

  // Control, unknown and byte tokens never come out of a merge, nor go into one.
  const kinds: readonly (number | undefined)[] = [TokenType.normal, TokenType.userDefined, TokenType.unused]
  const pieceId = (text: string): number | undefined => {
    const id = ids.get(text)
    return id !== undefined && kinds.includes(types[id]) ? id : undefined
  }
  const merges: { pair: [string, string]; order: readonly [number, number, number, number] }[] = []
  for (const [id, piece] of tokens.entries()) {
    if (pieceId(piece) === undefined) continue
    if (piece.length > maxPieceLength)
      throw new LLMError(
        'ERR_TOKENIZER_INVALID',
        `${metadata.file}: expected tokens of at most ${maxPieceLength} characters, found ${piece.length} in token ${id}`,
      )
    for (let cut = 1; cut < piece.length; cut++) {
      const pair: [string, string] = [piece.slice(0, cut), piece.slice(cut)]
      const left = pieceId(pair[0])
      const right = left === undefined ? undefined : pieceId(pair[1])
      if (left !== undefined && right !== undefined) merges.push({ pair, order: [-(scores[id] ?? 0), id, left, right] })
    }
  }
  merges.sort(({ order: a }, { order: b }) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3])
  return merges.map(({ pair }) => pair)
}
