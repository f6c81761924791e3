import { LLMError } from '../errors.js'
import type { TextRewrite } from '../options/rewrite.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import type { Warn } from '../warnings.js'
import type { CheckedPrompt } from './prompt.js'
import type { GenerationResult } from './result.js'
import type { StreamSource } from './stream.js'

/** What rewriting needs of a model. */
export interface RewriteContext {
  text: Pick<TextWorker, 'rewrite'>
  /** What becomes of each whole answer; undefined leaves it as it is. */
  rewrite: TextRewrite | undefined
  warn: Warn
}

/** What {@link rewriting} makes: how a result is changed, and the error of whoever wants it piece by piece. */
export type Rewriting = NonNullable<StreamSource['rewrite']>

/**
 * How the results of a request are changed as its model.yaml wants; tokens and usage stay those of the model. Undefined when it wants nothing.
 * Changing fails with `ERR_TEXT_TIMEOUT` when an expression takes too long.
 */
export function rewriting({ text, rewrite, warn }: RewriteContext, prompt: CheckedPrompt): Rewriting | undefined {
  if (rewrite === undefined) return undefined
  if (rewrite.echo && prompt.kind !== 'text')
    warn(
      'model-yaml',
      'parameters.echo of model.yaml puts the prompt before answers to texts: those to chats and tokens begin without it',
    )
  const before = prompt.kind === 'text' ? prompt.text : ''
  const refusal = new LLMError(
    'ERR_NO_STREAMING',
    "the model's model.yaml changes whole answers (echo, cutstrings, extract_regex, trimspace, trimsuffix), which cannot be streamed: " +
      'llm.generate without onText, or the result of the stream, gives them',
  )
  const change = async (result: GenerationResult, signal: AbortSignal): Promise<GenerationResult> => {
    const changed = await text.rewrite(
      result.answers.map((answer) => answer.text),
      rewrite,
      before,
      signal,
    )
    const answers = result.answers.map((answer, i) => ({ ...answer, text: changed[i] as string }))
    return { ...result, text: changed[0] as string, answers }
  }
  return { change, refusal }
}
