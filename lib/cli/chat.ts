import { Command, Option } from 'commander'
import { LLMError } from '../errors.js'
import type { GenerationResult } from '../generation/result.js'
import { type GenerationOptions, generationTable } from '../options/generation.js'
import { loadTable } from '../options/load.js'
import { didYouMean } from '../options/rules.js'
import type { ChatMessage } from '../text/template/messages.js'
import { formatFlags } from './answer-format.js'
import { ChatHistory } from './chat-history.js'
import { ChatLines, isInteractive } from './chat-lines.js'
import { type ChatPartner, chatPartner } from './chat-partner.js'
import { settingLines, withSetting } from './chat-settings.js'
import { Conversation } from './conversation.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, generationOptions, withoutJson } from './options.js'
import { note, oneLine, reportFailure } from './report.js'
import { AnswerWriter, printable, statsLine } from './terminal.js'

/** Words that are no message, and what they take. */
const slashCommands: Readonly<Record<string, { takes?: string; help: string }>> = {
  '/set': { takes: '[NAME [VALUE]]', help: 'sets an option of the answers, or its default again; alone it shows them' },
  '/system': { takes: '[TEXT]', help: 'replaces the system message; without TEXT there is none' },
  '/retry': { help: 'asks the last message again' },
  '/save': { takes: 'FILE', help: 'writes the conversation, as JSON' },
  '/load': { takes: 'FILE', help: 'goes on with a saved conversation' },
  '/reset': { help: 'forgets the conversation' },
  '/exit': { help: 'leaves, as Ctrl+D does' },
  '/help': { help: 'shows this' },
}

/** `chat`: a conversation. */
export function chatCommand(interrupts: Interrupts): Command {
  const command = new Command('chat')
    .summary('chats with a model')
    .description(
      'Chats with MODEL, or a the address of a server, a line a message. Ctrl+C stops an answer; see also /help.',
    )
    .argument('<model>')
    .option('--system <text>', 'system message')
    .option('--stats', 'prints TTFT and tokens/s after each answer')
    .option('--model <name>', 'of a server: which of its models, if it has several')
    .addOption(new Option('--api-key <key>', 'of a server (or OPENVINO_LLM_API_KEY)').hideHelp())
  const answer = flagsOf(withoutJson(generationTable))
  // A conversation goes on when it is longer than the context; what the model no longer sees is said.
  answer.find(({ long }) => long === '--context-overflow')?.default('drop-oldest')
  addFlags(command, [...formatFlags(), ...answer, ...flagsOf(loadTable)])
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm chat ./model --system "Be brief." --stats')
  return command.action(async (model: string, flags: Flags) => {
    const options = { ...generationOptions(flags, command), signal: interrupts.signal }
    await using partner = await chatPartner(model, flags, options, command, interrupts)
    await new Chat(partner, flags, interrupts).run()
  })
}

class Chat {
  readonly #partner: ChatPartner
  readonly #flags: Flags
  #options: GenerationOptions
  readonly #interrupts: Interrupts
  readonly #interactive = isInteractive()
  readonly #conversation: Conversation
  /** The last message, also one without an answer, which is forgotten otherwise. */
  #last: ChatMessage | undefined

  constructor(partner: ChatPartner, flags: Flags, interrupts: Interrupts) {
    this.#partner = partner
    this.#flags = flags
    this.#options = partner.options
    this.#interrupts = interrupts
    this.#conversation = new Conversation(typeof flags.system === 'string' ? flags.system : '')
  }

  async run(): Promise<void> {
    // A model that cannot chat says so before anybody has typed.
    await this.#partner.count([...this.#conversation.messages, { role: 'user', content: 'Hi' }], this.#options)
    const history = this.#interactive ? await ChatHistory.open() : undefined
    const lines = new ChatLines(history)
    const close = () => lines.close()
    this.#interrupts.signal.addEventListener('abort', close)
    try {
      if (this.#interactive) this.#greet()
      for (;;) {
        const line = (await lines.next('> '))?.trim()
        if (line === undefined || line === '/exit' || this.#interrupts.signal.aborted) return
        await history?.add(line)
        if (line !== '' && !(await this.#command(line))) await this.#turn({ role: 'user', content: line })
      }
    } finally {
      this.#interrupts.signal.removeEventListener('abort', close)
      lines.close()
    }
  }

  #greet(): void {
    process.stderr.write(`${printable(this.#partner.about)}. /help lists commands, Ctrl+D leaves.\n`)
  }

  /** Whether the line was a command, or looked like one. What goes wrong is said, and the chat goes on. */
  async #command(line: string): Promise<boolean> {
    const [, name = '', argument = ''] = /^(\/[a-z]+)(?:\s+(.*))?$/s.exec(line) ?? []
    const known = Object.hasOwn(slashCommands, name) ? slashCommands[name] : undefined
    if (name === '' || (!known && argument !== '')) return false
    if (name === '/retry' && argument === '') {
      await this.#retry()
      return true
    }
    try {
      if (!known) throw new Error(`unknown command ${name}${didYouMean(name, Object.keys(slashCommands))}`)
      if (argument !== '' && known.takes === undefined) throw new Error(`expected nothing after ${name}`)
      if (argument === '' && known.takes === 'FILE') throw new Error(`expected ${name} FILE`)
      await this.#run(name, argument)
    } catch (error) {
      note((error as Error).message)
    }
    return true
  }

  async #run(name: string, argument: string): Promise<void> {
    switch (name) {
      case '/set':
        if (argument === '') for (const line of settingLines(this.#options)) process.stderr.write(`${oneLine(line)}\n`)
        else this.#options = withSetting(this.#options, argument)
        return
      case '/system':
        return this.#conversation.setSystem(argument)
      case '/save':
        return await this.#conversation.save(argument)
      case '/load':
        await this.#conversation.load(argument)
        this.#last = undefined
        return
      case '/reset':
        this.#last = undefined
        return this.#conversation.reset()
      case '/help':
        for (const [word, { takes, help }] of Object.entries(slashCommands))
          process.stderr.write(`${`${word} ${takes ?? ''}`.padEnd(22)}${help}\n`)
    }
  }

  /** Asks the last message again. The answer that it had stays when there is no new one. */
  async #retry(): Promise<void> {
    if (this.#last !== undefined) return await this.#turn(this.#last)
    const turn = this.#conversation.takeBack()
    if (!turn) {
      note('there is no message to ask again')
      return
    }
    const { turns } = this.#conversation
    try {
      await this.#turn(turn[0])
    } finally {
      if (this.#conversation.turns === turns) {
        this.#conversation.add(turn)
        this.#last = undefined
      }
    }
  }

  /** One message and its answer; both are forgotten when there was none. */
  async #turn(user: ChatMessage): Promise<void> {
    const sent = [...this.#conversation.messages, user]
    this.#last = user
    try {
      const result = await this.#answer(sent)
      const { text, toolCalls } = result
      if (text !== '' || toolCalls.length > 0) {
        const calls = toolCalls.length > 0 && { tool_calls: toolCalls }
        this.#conversation.add([user, { role: 'assistant', content: text, ...calls }])
        this.#last = undefined
      }
      if (this.#flags.stats) note(statsLine(result))
      await this.#noteDropped(sent, result)
    } catch (error) {
      if (!this.#interactive || !this.#partner.passes(error)) throw error
      reportFailure(error, this.#flags.verbose === true)
    }
  }

  async #answer(sent: readonly ChatMessage[]): Promise<GenerationResult> {
    if (this.#partner.rewrites) return await this.#whole(sent)
    const stream = this.#partner.model.stream(sent, this.#options)
    const parts = stream[Symbol.asyncIterator]()
    const writer = new AnswerWriter(process.stdout)
    // Leaving the iteration, unlike an abort, keeps what was said so far.
    if (this.#interactive) this.#interrupts.onInterrupt = () => void parts.return?.()
    try {
      for (let part = await parts.next(); !part.done; part = await parts.next()) await writer.writePart(part.value)
      return await stream.result
    } finally {
      this.#interrupts.onInterrupt = undefined
      await writer.end()
    }
  }

  /** An answer that is changed as a whole, and so comes at once. */
  async #whole(sent: readonly ChatMessage[]): Promise<GenerationResult> {
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#interrupts.signal, stop.signal])
    if (this.#interactive) this.#interrupts.onInterrupt = () => stop.abort(new LLMError('ERR_TIMEOUT', 'stopped'))
    const writer = new AnswerWriter(process.stdout)
    try {
      const result = await this.#partner.model.generate(sent, { ...this.#options, signal })
      await writer.write(result.text)
      return result
    } finally {
      this.#interrupts.onInterrupt = undefined
      await writer.end()
    }
  }

  /** Says when the model no longer sees all of the conversation. */
  async #noteDropped(sent: readonly ChatMessage[], { usage, finishReason }: GenerationResult): Promise<void> {
    if (this.#conversation.turns <= 1 || finishReason === 'cancelled') return
    const { contextLength } = this.#partner
    if (contextLength === undefined || usage.totalTokens < contextLength / 4) return
    const length = await this.#partner.count(sent, this.#options)
    if (length !== undefined && length > usage.promptTokens)
      note('the oldest messages no longer fit the context and were left out')
  }
}
