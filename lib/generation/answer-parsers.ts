import type { GenerationOptions } from '../options/generation.js'
import { type ReasoningParser, reasoningDefaults } from '../options/reasoning.js'
import { HarmonyStage } from '../output/formats/harmony-stage.js'
import { opensReasoning, reasoningFormats, reasoningIn } from '../output/formats/reasoning.js'
import { ReasoningStage } from '../output/formats/reasoning-stage.js'
import type { Stage } from '../output/stage.js'
import { textOf } from '../text/template/messages.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import type { CheckedPrompt } from './prompt.js'

/** What finds the parts of an answer that are no text. */
type Text = Pick<TextWorker, 'templateOf' | 'addedTokenId' | 'tokens'>

/**
 * The stages that find reasoning and tool calls in one answer.
 * @param rendered the prompt as the model sees it
 */
export function answerParsers(
  text: Text,
  prompt: CheckedPrompt,
  options: GenerationOptions,
  rendered: string,
): Stage[] {
  const name = reasoningParserOf(text, prompt, options)
  const isSpecial = (marker: string): boolean => text.tokens.special[text.addedTokenId(marker) ?? -1] === 1
  const last = options.continueFinalMessage && prompt.kind === 'chat' ? prompt.messages.at(-1) : undefined
  if (name === 'none') return []
  if (name === 'harmony') return [new HarmonyStage({ inside: last !== undefined, isSpecial })]
  const format = reasoningFormats[name]
  return [new ReasoningStage(format, { inside: opensReasoning(format, rendered, last && textOf(last)), isSpecial })]
}

/** The format that is asked for, or that the chat template knows. */
function reasoningParserOf(
  text: Text,
  prompt: CheckedPrompt,
  options: GenerationOptions,
): Exclude<ReasoningParser, 'auto'> {
  const wanted = options.reasoningParser ?? reasoningDefaults.reasoningParser
  if (wanted !== 'auto') return wanted
  const template = prompt.kind === 'chat' ? text.templateOf(options) : undefined
  return template === undefined ? 'none' : reasoningIn(template)
}
