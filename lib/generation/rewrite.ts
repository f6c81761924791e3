import { LLMError } from '../errors.js'
import type { GenerationOptions } from '../options/generation.js'
import type { TextRewrite } from '../options/rewrite.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import type { Warn } from '../warnings.js'
import type { Prompt } from './prompt.js'
import type { GenerationResult } from './result.js'

/** What rewriting needs of a model. */
export interface RewriteContext {
  text: Pick<TextWorker, 'rewrite'>
  /** What becomes of each whole answer; undefined leaves it as it is. */
  rewrite: TextRewrite | undefined
  warn: Warn
}

/**
 * An answer that is changed as a whole cannot be had piece by piece.
 * @throws LLMError `ERR_NO_STREAMING`
 */
export function requireStreaming({ rewrite }: Pick<RewriteContext, 'rewrite'>, what: string): void {
  if (rewrite === undefined) return
  throw new LLMError(
    'ERR_NO_STREAMING',
    `${what}: the model's model.yaml changes whole answers (echo, cutstrings, extract_regex, trimspace, trimsuffix), which cannot be ` +
      'streamed; llm.generate without onText gives them',
  )
}

/**
 * The texts of a result as the model.yaml wants them; tokens and usage stay those of the model.
 * @throws LLMError `ERR_TEXT_TIMEOUT` when an expression takes too long
 */
export async function rewriteResult(
  { text, rewrite, warn }: RewriteContext,
  result: GenerationResult,
  prompt: Prompt,
  { signal }: Pick<GenerationOptions, 'signal'>,
): Promise<GenerationResult> {
  if (rewrite === undefined) return result
  if (rewrite.echo && typeof prompt !== 'string')
    warn(
      'model-yaml',
      'parameters.echo of model.yaml puts the prompt before answers to texts only: chats and tokens have none',
    )
  const before = typeof prompt === 'string' ? prompt : ''
  const texts = await text.rewrite(
    result.answers.map((answer) => answer.text),
    rewrite,
    before,
    signal,
  )
  const answers = result.answers.map((answer, i) => ({ ...answer, text: texts[i] as string }))
  return { ...result, text: texts[0] as string, answers }
}
