import { type ChatOptions, encodeTable } from '../options/encode.js'
import { type GenerationOptions, toolsOf } from '../options/generation.js'
import { optionsOf } from '../options/table.js'
import { shownTools } from '../options/tools.js'
import { Detokenizer } from '../output/detokenizer.js'
import type { EncodedPrompt } from '../text/prompt/encoded-prompt.js'
import type { ChatMessage } from '../text/template/messages.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import type { Warn } from '../warnings.js'
import { type CheckedPrompt, checkTokens } from './prompt.js'
import { toolHistory } from './tool-history.js'

/** The tokens of a checked prompt, as a request would see them. */
export async function tokenizePrompt(
  context: { text: TextWorker; warn: Warn },
  prompt: CheckedPrompt,
  options: GenerationOptions,
): Promise<EncodedPrompt> {
  if (prompt.kind === 'tokens') throw new TypeError('expected text or chat messages, received { tokens }')
  if (prompt.kind === 'text') return context.text.encodeText(prompt.text, encodeOptions(options))
  const encoded = await context.text.encodeChat(chatHistory(context, prompt.messages, options), encodeOptions(options))
  warnIgnored(context, encoded)
  return encoded
}

/** The messages as the request's template can show them. */
export function chatHistory(
  { text }: { text: Pick<TextWorker, 'templateOf'> },
  messages: readonly ChatMessage[],
  options: GenerationOptions,
): readonly ChatMessage[] {
  const template = text.templateOf(encodeOptions(options))
  return template === undefined ? messages : toolHistory(template, messages, options)
}

/**
 * The text of tokens, as decoding the whole gives it. Ids that the model has and the tokenizer has not are left out.
 * @throws TypeError for anything but integers; LLMError `ERR_TOKEN_ID` for ids that the model does not have
 */
export function textOf(
  { text, vocabularySize }: { text: Pick<TextWorker, 'tokens'>; vocabularySize: number },
  tokens: ArrayLike<number>,
  skipSpecialTokens: boolean,
): string {
  if (tokens.length === 0) return ''
  const known = checkTokens(tokens, vocabularySize).filter((token) => token < text.tokens.size)
  const detokenizer = new Detokenizer(text.tokens, { continuation: false, skipSpecialTokens })
  return [...detokenizer.push(known), ...detokenizer.end()]
    .map((piece) => (piece.special && skipSpecialTokens ? '' : piece.text))
    .join('')
}

/** The options that the text stage understands. */
export function encodeOptions(options: GenerationOptions): Omit<ChatOptions, 'maxTokens'> {
  const { tools: _, ...rest } = optionsOf(options, encodeTable)
  const tools = toolsOf(options)
  return tools === undefined ? rest : { ...rest, tools: shownTools(tools) }
}

/** Says once when the chat template left a message out. */
export function warnIgnored(context: { warn: Warn }, { ignoredRoles }: EncodedPrompt): void {
  if (ignoredRoles.length === 0) return
  const roles = ignoredRoles.join(', ')
  const advice = ignoredRoles.includes('system')
    ? "; systemFallback: 'merge-user' puts system messages before the user's next one"
    : ''
  context.warn(
    'template-ignores-messages',
    `the model's chat template leaves out messages of the role ${roles}${advice}`,
  )
}

/** Says once when the chat template does not show the tools. */
export function warnIgnoredTools(context: { warn: Warn }, options: GenerationOptions, { text }: EncodedPrompt): void {
  const hidden = toolsOf(options)?.find((tool) => !text.includes(tool.function.name))
  if (hidden === undefined) return
  context.warn(
    'template-ignores-tools',
    `the model's chat template does not show it the tool ${hidden.function.name}; describe tools in a message`,
  )
}
