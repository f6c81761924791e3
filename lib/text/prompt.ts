import { LLMError } from '../errors.js'
import type { BosPolicy, ChatOptions, EncodeOptions } from '../options/encode.js'
import { encodeRules } from '../options/encode.js'
import * as check from '../options/rules.js'
import { ChatTemplate } from './template/chat-template.js'
import { Conversation } from './template/conversation.js'
import type { Tokenizer } from './tokenizer/tokenizer.js'
import { tokenContent } from './tokenizer/tokenizer-file.js'
import type { ChatMessage, EncodedPrompt, TextSource } from './types.js'

const maxCompiledTemplates = 16
/** The options of a request that arrive here, and what only the caller inside sets. */
const rules = { ...encodeRules, maxTokens: check.number('≥ 1', (value) => value >= 1) }
const reserved = ['messages', 'tools', 'documents', 'add_generation_prompt']

/** Turns texts and chats into prompts for one model. */
export class PromptEncoder {
  readonly #source: TextSource
  readonly #tokenizer: Tokenizer
  readonly #compiled = new Map<string, ChatTemplate>()

  constructor(source: TextSource, tokenizer: Tokenizer) {
    this.#source = source
    this.#tokenizer = tokenizer
  }

  /** Encodes raw text; with `bos: 'auto'` as the tokenizer's files say. */
  encodeText(text: string, options: EncodeOptions): EncodedPrompt {
    check.checkOptions(options, rules, 'ChatOptions')
    const splitSpecialTokens = options.splitSpecialTokens === true
    const ids = this.#tokenizer.encode(text, { addSpecialTokens: true, splitSpecialTokens })
    const policy = options.bos ?? 'auto'
    return { ...this.#applyBos(ids, policy === 'auto' ? 'file' : policy), text, droppedMessages: 0, ignoredRoles: [] }
  }

  /**
   * Renders and encodes a chat. With `maxTokens` the oldest messages are dropped until the prompt fits; if it never
   * does, the shortest prompt is given.
   * @throws LLMError ERR_NO_CHAT_TEMPLATE, ERR_TEMPLATE; TypeError for messages or options of the wrong shape.
   */
  encodeChat(messages: readonly ChatMessage[], options: ChatOptions): EncodedPrompt {
    check.checkOptions(options, rules, 'ChatOptions')
    const template = this.#template(options)
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
      ...this.#specialTokens(),
      ...mark(kwargs),
      tools: mark(options.tools) ?? null,
      documents: mark(options.documents) ?? null,
      add_generation_prompt: !continueFinalMessage && options.addGenerationPrompt !== false,
    }
    const conversation = new Conversation(template, mark(messages), variables, { continueFinalMessage })
    if (options.systemFallback === 'merge-user') conversation.mergeSystemMessages()

    const policy = options.bos ?? 'auto'
    const ensure = this.#source.modelType === 'phi3' && this.#tokenizer.bosTokenId !== undefined
    const encode = (kept: readonly ChatMessage[]): EncodedPrompt & { kept: readonly ChatMessage[] } => {
      const rendered = conversation.render(kept)
      const ids = this.#tokenizer.encode(rendered, {
        addSpecialTokens: false,
        splitSpecialTokens: false,
        ...(breaker === undefined ? {} : { breaker }),
      })
      const text = breaker === undefined ? rendered : rendered.replaceAll(breaker, '')
      const droppedMessages = messages.length - kept.length
      return {
        ...this.#applyBos(ids, policy === 'auto' ? (ensure ? 'ensure' : 'file') : policy),
        text,
        droppedMessages,
        ignoredRoles: [],
        kept,
      }
    }
    const { kept, ...prompt } = shortened(conversation.messages, encode, options.maxTokens ?? Number.POSITIVE_INFINITY)
    const ignoredRoles = [...new Set(conversation.ignored(kept).map((message) => message.role))]
    return { ...prompt, ignoredRoles }
  }

  #template(options: ChatOptions): ChatTemplate {
    const { templates, templateFile } = this.#source
    const names = Object.keys(templates)
    const named = (name: string): string | undefined => (Object.hasOwn(templates, name) ? templates[name] : undefined)
    const wanted = options.chatTemplate
    if (wanted !== undefined) {
      const source = named(wanted)
      if (source !== undefined) return this.#compile(source, templateFile)
      if (/\{[{%#]/.test(wanted)) return this.#compile(wanted, 'option chatTemplate')
      throw new TypeError(
        `chatTemplate: expected a template or one of [${names.join(', ')}], ` +
          `received ${JSON.stringify(wanted.slice(0, 60))}`,
      )
    }
    const source = (options.tools !== undefined ? named('tool_use') : undefined) ?? named('default')
    if (source !== undefined) return this.#compile(source, templateFile)
    const found = names.length === 0 ? 'none' : names.join(', ')
    throw new LLMError(
      'ERR_NO_CHAT_TEMPLATE',
      `${templateFile || this.#source.tokenizerPath}: expected a chat template named 'default', found ${found}; ` +
        'give the option chatTemplate',
    )
  }

  #compile(source: string, file: string): ChatTemplate {
    let template = this.#compiled.get(source)
    if (template === undefined) {
      if (this.#compiled.size >= maxCompiledTemplates) this.#compiled.clear()
      template = new ChatTemplate(source, file)
      this.#compiled.set(source, template)
    }
    return template
  }

  /** `bos_token` and the like, as transformers' `special_tokens_map`. */
  #specialTokens(): Record<string, unknown> {
    const variables: Record<string, unknown> = {}
    const config = this.#source.tokenizerConfig
    const extra = config['extra_special_tokens']
    const named = typeof extra === 'object' && extra !== null && !Array.isArray(extra) ? Object.entries(extra) : []
    for (const [key, value] of [...named, ...Object.entries(config)]) {
      const content = key.endsWith('_token') ? tokenContent(value) : undefined
      if (content !== undefined) variables[key] = content
    }
    const additional = config['additional_special_tokens']
    if (Array.isArray(additional))
      variables['additional_special_tokens'] = additional.map(tokenContent).filter((token) => token !== undefined)
    return variables
  }

  #applyBos(ids: number[], policy: Exclude<BosPolicy, 'auto'>): Pick<EncodedPrompt, 'tokens' | 'bos'> {
    const done = (list: number[], bos: EncodedPrompt['bos']): Pick<EncodedPrompt, 'tokens' | 'bos'> => ({
      tokens: Int32Array.from(list),
      bos,
    })
    if (policy === 'file') return done(ids, 'file')
    const bos = this.#tokenizer.bosTokenId
    if (bos === undefined) {
      if (policy === 'never') return done(ids, 'kept')
      throw new LLMError(
        'ERR_TOKENIZER_INVALID',
        `${this.#tokenizer.path}: bos '${policy}' needs a bos_token, found none in the tokenizer's files`,
      )
    }
    let leading = 0
    while (ids[leading] === bos) leading++
    const wanted = policy === 'ensure' ? 1 : 0
    if (leading === wanted) return done(ids, 'kept')
    return leading > wanted ? done(ids.slice(leading - wanted), 'removed') : done([bos, ...ids], 'added')
  }
}

/**
 * Drops the oldest messages until at most `maxTokens` are left: never a system message, never the last, and what
 * remains begins with a user turn if there is one. Fewer messages are taken to give fewer tokens, so the number is
 * found by bisection.
 */
function shortened<T extends { tokens: Int32Array }>(
  messages: readonly ChatMessage[],
  encode: (kept: readonly ChatMessage[]) => T,
  maxTokens: number,
): T {
  let result = encode(messages)
  if (result.tokens.length <= maxTokens) return result
  const starts = messages.flatMap((message, i) => (message.role === 'user' ? [i] : []))
  const from = (start: number): T => encode(messages.filter((message, i) => i >= start || message.role === 'system'))
  // The first user turn is kept by dropping nothing, unless other turns stand before it.
  const first = messages.findIndex((message) => message.role !== 'system')
  const cuts = starts.filter((start) => start > first)
  if (starts.length === 0 && messages.length - 1 > first) cuts.push(messages.length - 1)
  if (cuts.length === 0) return result
  let low = 0
  let high = cuts.length - 1
  result = from(cuts[high]!)
  if (result.tokens.length > maxTokens) return result
  while (low < high) {
    const middle = (low + high) >> 1
    const attempt = from(cuts[middle]!)
    if (attempt.tokens.length <= maxTokens) {
      result = attempt
      high = middle
    } else low = middle + 1
  }
  return result
}

/** A private-use character that stands nowhere in `value`, neither as itself nor escaped as JSON does it. */
function unusedCharacter(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  for (let code = 0xe000; code < 0xf900; code++) {
    const character = String.fromCharCode(code)
    if (!text.includes(character)) return character
  }
  throw new TypeError('splitSpecialTokens: expected messages that leave one private-use character unused')
}

function mapStrings<T>(value: T, map: (text: string) => string): T {
  const visit = (inner: unknown): unknown => {
    if (typeof inner === 'string') return map(inner)
    if (Array.isArray(inner)) return inner.map(visit)
    if (typeof inner === 'object' && inner !== null)
      return Object.fromEntries(Object.entries(inner).map(([key, field]) => [key, visit(field)]))
    return inner
  }
  return visit(value) as T
}
