import { type GenerationOptions, toolsOf } from '../options/generation.js'
import { type ReasoningParser, reasoningDefaults } from '../options/reasoning.js'
import { type ToolCallParser, toolCallParsers, toolDefaults } from '../options/tools.js'
import { HarmonyStage } from '../output/formats/harmony-stage.js'
import { opensReasoning, reasoningFormats, reasoningIn } from '../output/formats/reasoning.js'
import { ReasoningStage } from '../output/formats/reasoning-stage.js'
import { callFormats, callsIn } from '../output/formats/tool-calls.js'
import { ToolStage } from '../output/formats/tool-stage.js'
import type { Stage } from '../output/stage.js'
import { textOf } from '../text/template/messages.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import type { CheckedPrompt } from './prompt.js'

/** How the model of a request writes what is no text. */
export interface AnswerFormat {
  reasoning: Exclude<ReasoningParser, 'auto'>
  /** Undefined when no tools are given. */
  calls: Exclude<ToolCallParser, 'auto'> | undefined
}

/**
 * The formats that are asked for, or that the chat template knows.
 * @throws TypeError when there are tools and no format of calls is known
 */
export function answerFormat(
  text: Pick<TextWorker, 'templateOf'>,
  prompt: CheckedPrompt,
  options: GenerationOptions,
): AnswerFormat {
  const tools = toolsOf(options)
  const template = prompt.kind === 'chat' ? text.templateOf({ ...options, tools }) : undefined
  const { reasoningParser = reasoningDefaults.reasoningParser, toolCallParser = toolDefaults.toolCallParser } = options
  const known = template === undefined ? 'none' : reasoningIn(template)
  const reasoning = reasoningParser === 'auto' ? known : reasoningParser
  if (tools === undefined) return { reasoning, calls: undefined }
  const calls = toolCallParser === 'auto' ? callsIn(template ?? '') : toolCallParser
  if (calls !== undefined) return { reasoning: calls === 'harmony' ? calls : reasoning, calls }
  throw new TypeError(
    "tools: the model's chat template is of no format of tool calls that is known; " +
      `name it with the option toolCallParser (${toolCallParsers.join(', ')})`,
  )
}

/**
 * The stages that find reasoning and tool calls in one answer, and what makes the ids of calls.
 * @param rendered the prompt as the model sees it
 */
export function answerParsers(
  text: Pick<TextWorker, 'addedTokenId' | 'tokens'>,
  format: AnswerFormat,
  prompt: CheckedPrompt,
  options: GenerationOptions,
  rendered: string,
): { parsers: Stage[]; callId?: () => string } {
  const isSpecial = (marker: string): boolean => text.tokens.special[text.addedTokenId(marker) ?? -1] === 1
  const last = options.continueFinalMessage && prompt.kind === 'chat' ? prompt.messages.at(-1) : undefined
  if (format.reasoning === 'harmony') return { parsers: [new HarmonyStage({ inside: last !== undefined, isSpecial })] }
  const parsers: Stage[] = []
  if (format.reasoning !== 'none') {
    const reasoning = reasoningFormats[format.reasoning]
    const inside = opensReasoning(reasoning, rendered, last && textOf(last))
    parsers.push(new ReasoningStage(reasoning, { inside, isSpecial }))
  }
  if (format.calls === undefined || format.calls === 'harmony') return { parsers }
  const calls = callFormats[format.calls]
  const tools = (toolsOf(options) ?? []).map((tool) => tool.function)
  parsers.push(new ToolStage(calls, tools, isSpecial))
  return { parsers, ...(calls.callId && { callId: calls.callId.make }) }
}
