import { LLMError } from '../errors.js'
import { loadDefaults } from '../options/load.js'

/**
 * Tokens of the longest prompt and the longest answer that a device with static shapes is compiled for: what the options say; else both
 * together are the context that was asked for; else the defaults, which are OpenVINO's own. Never beyond the model's context.
 * @throws LLMError `ERR_CONTEXT_LENGTH` when both together are more than the model's context.
 */
export function staticShapes(
  options: {
    maxPromptLength?: number | undefined
    minResponseLength?: number | undefined
    contextLength?: number | undefined
  },
  modelContext: number,
): { maxPrompt: number; minResponse: number } {
  const context = Math.min(options.contextLength ?? modelContext, modelContext)
  const minResponse =
    options.minResponseLength ?? Math.min(loadDefaults.minResponseLength, Math.max(1, Math.floor(context / 2)))
  const usual = options.contextLength === undefined ? loadDefaults.maxPromptLength : context
  const maxPrompt = options.maxPromptLength ?? Math.max(1, Math.min(usual, context - minResponse))
  if (maxPrompt + minResponse > context) {
    throw new LLMError(
      'ERR_CONTEXT_LENGTH',
      `options maxPromptLength and minResponseLength: expected together at most the context of ${context} tokens, found ${maxPrompt} and ${minResponse}`,
    )
  }
  return { maxPrompt, minResponse }
}
