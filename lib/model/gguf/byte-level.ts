import { LLMError } from '../../errors.js'
import { otherPreTokenizers, type PreTokenizer, preTokenizers } from './pre-tokenizers.js'
import type { TokenizerParts } from './tokenizer-parts.js'
import type { Vocabulary } from './vocabulary.js'

/**
 * The parts of tokenizer.json for `tokenizer.ggml.model` = `gpt2`: byte-level BPE, whose merges are in the file.
 *
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER when the pre-tokenizer is not known, ERR_TOKENIZER_INVALID when merges are damaged
 */
export function byteLevelParts(vocabulary: Vocabulary): TokenizerParts {
  const { normalizer, preTokenizer, ignoreMerges, addBos } = findPreTokenizer(vocabulary)
  return {
    addBos,
    normalizer,
    preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      merges: readMerges(vocabulary),
    },
  }
}

function findPreTokenizer({ metadata }: Vocabulary): PreTokenizer {
  const name = metadata.string('tokenizer.ggml.pre')
  const found = name === undefined ? undefined : preTokenizers.get(name)
  if (found) return found
  const reason = name === undefined ? undefined : otherPreTokenizers.get(name)
  if (reason !== undefined)
    throw new LLMError(
      'ERR_UNSUPPORTED_TOKENIZER',
      `${metadata.file}: "tokenizer.ggml.pre" is ${JSON.stringify(name)}, which is not supported: ${reason}`,
    )
  throw new LLMError(
    'ERR_UNSUPPORTED_TOKENIZER',
    `${metadata.file}: expected "tokenizer.ggml.pre" to be one of ${[...preTokenizers.keys()].join(', ')}, found ${JSON.stringify(name) ?? 'nothing'}`,
  )
}

function readMerges({ metadata, ids }: Vocabulary): [string, string][] {
  const key = 'tokenizer.ggml.merges'
  const merges = metadata.strings(key)
  if (!merges) throw metadata.invalid(key, 'an array of strings')
  return merges.map((merge) => {
    const space = merge.indexOf(' ', 1)
    const left = merge.slice(0, space)
    const right = merge.slice(space + 1)
    if (space < 0 || !ids.has(left) || !ids.has(right) || !ids.has(left + right))
      throw new LLMError(
        'ERR_TOKENIZER_INVALID',
        `${metadata.file}: expected "${key}" to hold pairs of tokens that join to a token, found ${JSON.stringify(merge.slice(0, 80))}`,
      )
    return [left, right]
  })
}
