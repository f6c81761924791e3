import { type ChatOptions, type EncodeOptions, encodeTable } from '../../options/encode.js'
import * as check from '../../options/rules.js'
import { Conversation } from '../template/conversation.js'
import type { ChatMessage } from '../template/messages.js'
import { specialTokenVariables } from '../template/special-tokens.js'
import { TemplateChoice } from '../template/template-choice.js'
import type { TextSource } from '../text-source.js'
import type { Tokenizer } from '../tokenizer/tokenizer.js'
import { applyBos } from './bos.js'
import { dropOldest } from './drop-oldest.js'
import type { EncodedPrompt } from './encoded-prompt.js'
import { mapStrings, unusedCharacter } from './plain-contents.js'

/** The options of a request that arrive here, and one that only callers inside this package set. */
const rules = { ...encodeTable, maxTokens: check.number('≥ 1', (value) => value >= 1) }
const reserved = ['messages', 'tools', 'documents', 'add_generation_prompt']

/** Turns texts and chats into prompts for one model. */
export class PromptEncoder {
  readonly #source: TextSource
  readonly #tokenizer: Tokenizer
  readonly #templates: TemplateChoice

  constructor(source: TextSource, tokenizer: Tokenizer) {
    this.#source = source
    this.#tokenizer = tokenizer
    this.#templates = new TemplateChoice(source)
  }

  /** Encodes raw text; `bos: 'auto'` means `file`. */
  encodeText(text: string, options: EncodeOptions): EncodedPrompt {
    check.checkOptions(options, rules, 'ChatOptions')
    const splitSpecialTokens = options.splitSpecialTokens === true
    const ids = this.#tokenizer.encode(text, { addSpecialTokens: true, splitSpecialTokens })
    const policy = options.bos ?? 'auto'
    const begun = applyBos(ids, policy === 'auto' ? 'file' : policy, this.#tokenizer)
    return { ...begun, text, droppedMessages: 0, ignoredRoles: [] }
  }

  /** Encodes a text by itself, without the special tokens that the tokenizer's files put around a prompt. */
  encodeWord(text: string): EncodedPrompt {
    const ids = this.#tokenizer.encode(text, { addSpecialTokens: false, splitSpecialTokens: false })
    return { ...applyBos(ids, 'file', this.#tokenizer), text, droppedMessages: 0, ignoredRoles: [] }
  }

  /**
   * Renders and encodes a chat. With `maxTokens` the oldest messages are dropped until the prompt fits; if none fits,
   * the shortest prompt is given.
   * @throws LLMError ERR_NO_CHAT_TEMPLATE, ERR_TEMPLATE; TypeError for messages or options of the wrong shape.
   */
  encodeChat(given: readonly ChatMessage[], options: ChatOptions): EncodedPrompt {
    check.checkOptions(options, rules, 'ChatOptions')
    const messages = withSystemPrompt(given, options.systemPrompt)
    const probe = this.#templates.choose(options)
    const breaker =
      options.splitSpecialTokens === true ? unusedCharacter([messages, options, this.#source.templates]) : undefined
    const mark = <T>(value: T): T =>
      breaker === undefined ? value : mapStrings(value, (text) => this.#tokenizer.breakLiterals(text, breaker))
    const continueFinalMessage = options.continueFinalMessage === true
    if (continueFinalMessage && options.addGenerationPrompt === true) {
      throw new TypeError('expected either continueFinalMessage or addGenerationPrompt, received both')
    }
    const kwargs = options.chatTemplateKwargs ?? {}
    const taken = reserved.find((name) => name in kwargs)
    if (taken !== undefined) throw new TypeError(`chatTemplateKwargs.${taken}: expected a name that is not in use`)
    const variables = {
      ...specialTokenVariables(this.#source.tokenizerConfig),
      ...mark(kwargs),
      tools: mark(options.tools) ?? null,
      documents: mark(options.documents) ?? null,
      add_generation_prompt: !continueFinalMessage && options.addGenerationPrompt !== false,
    }
    const conversation = new Conversation(probe, mark(messages), variables, { continueFinalMessage })
    if (options.systemFallback === 'merge-user') conversation.mergeSystemMessages()

    const policy = options.bos ?? 'auto'
    const ensure = this.#source.chatsNeedBos && this.#tokenizer.bosTokenId !== undefined
    const encode = (kept: readonly ChatMessage[]) => {
      const rendered = conversation.render(kept)
      const ids = this.#tokenizer.encode(rendered, {
        addSpecialTokens: false,
        splitSpecialTokens: false,
        ...(breaker === undefined ? {} : { breaker }),
      })
      const begun = applyBos(ids, policy === 'auto' ? (ensure ? 'ensure' : 'file') : policy, this.#tokenizer)
      return { ...begun, rendered, kept }
    }
    const { tokens, bos, rendered, kept } = dropOldest(
      conversation.messages,
      encode,
      options.maxTokens ?? Number.POSITIVE_INFINITY,
    )
    return {
      tokens,
      bos,
      text: breaker === undefined ? rendered : rendered.replaceAll(breaker, ''),
      droppedMessages: conversation.messages.length - kept.length,
      ignoredRoles: [...new Set(conversation.ignored(kept, rendered).map((message) => message.role))],
    }
  }
}

/** A conversation that begins with the prompt as its system message, unless it has such a message. */
function withSystemPrompt(messages: readonly ChatMessage[], prompt = ''): readonly ChatMessage[] {
  // What is no list of messages, or an empty one, is refused later, in words.
  if (prompt === '' || !Array.isArray(messages) || messages.length === 0) return messages
  if (messages.some((message) => message?.role === 'system')) return messages
  return [{ role: 'system', content: prompt }, ...messages]
}
