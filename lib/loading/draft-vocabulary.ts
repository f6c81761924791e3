import { LLMError } from '../errors.js'
import type { ModelDefinition } from '../model/definition.js'
import type { TokenTable } from '../text/tokenizer/token-table.js'
import { TextWorker } from '../text/worker/text-worker.js'

/**
 * Compares the vocabularies of a model and of its draft model: what a draft model guesses is token ids, which must mean the same to both.
 * @throws LLMError `ERR_UNSUPPORTED_MODEL` when they differ, and as {@link TextWorker.open}; `signal.reason` when aborted
 */
export async function requireSameVocabulary(
  text: TextWorker,
  draft: ModelDefinition,
  signal: AbortSignal | undefined,
): Promise<void> {
  const other = await TextWorker.open(draft.text, signal ? { signal } : {})
  await other.close()
  const [ours, theirs] = [text.tokens, other.tokens]
  const difference =
    ours.size !== theirs.size ? `it has ${theirs.size} tokens, the model ${ours.size}` : firstDifference(ours, theirs)
  if (difference === '') return
  throw new LLMError(
    'ERR_UNSUPPORTED_MODEL',
    `option draftModel: ${draft.text.tokenizerPath}: expected the model's own vocabulary, but ${difference}`,
  )
}

function firstDifference(ours: TokenTable, theirs: TokenTable): string {
  const bytes = ({ bytes, offsets }: TokenTable, id: number) => bytes.subarray(offsets[id], offsets[id + 1])
  for (let id = 0; id < ours.size; id++) {
    if (Buffer.compare(bytes(ours, id), bytes(theirs, id)) !== 0) return `token ${id} is another one`
  }
  return ''
}
