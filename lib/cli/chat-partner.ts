import { basename } from 'node:path'
import type { Command } from 'commander'
import { type ErrorCode, LLMError } from '../errors.js'
import type { LanguageModel } from '../generation/language-model.js'
import { encodeOptions } from '../generation/tokenize.js'
import { LLM } from '../llm.js'
import type { GenerationOptions } from '../options/generation.js'
import { loadTable } from '../options/load.js'
import type { Rows } from '../options/table.js'
import type { ChatMessage } from '../text/template/messages.js'
import type { Interrupts } from './interrupts.js'
import { loadForCommand } from './load.js'
import { type Flags, longName } from './options.js'

/** Who answers in a chat: a model of this process, or one behind a server. */
export interface ChatPartner extends AsyncDisposable {
  /** What the chat greets with: the model, where it runs, and how much it remembers. */
  readonly about: string
  /** Tokens; undefined where the server does not say. */
  readonly contextLength: number | undefined
  /** Whether answers come as a whole, because they are changed as a whole. */
  readonly rewrites: boolean
  /** Whether a turn fails in a way that another one may not. */
  passes(error: unknown): boolean
  /** Options that were given, without those that only the other kind of partner has by default. */
  readonly options: GenerationOptions
  readonly model: Pick<LanguageModel, 'stream' | 'generate'>
  /** How many tokens messages have; undefined where nobody counts them. @throws LLMError for a model that cannot chat */
  count(messages: readonly ChatMessage[], options: GenerationOptions): Promise<number | undefined>
}

/** Failures of the messages. */
const ofMessages: ErrorCode[] = [
  'ERR_CONTEXT_LENGTH',
  'ERR_TEMPLATE',
  'ERR_TEXT_TIMEOUT',
  'ERR_TEXT_MEMORY',
  'ERR_OUT_OF_MEMORY',
  'ERR_NON_FINITE',
]
/** Failures of a server, or of the way to it, that may be over soon. */
const ofServers: ErrorCode[] = ['ERR_NETWORK', 'ERR_TIMEOUT', 'ERR_UNAVAILABLE', 'ERR_QUEUE_FULL', 'ERR_ENGINE']

const isOf = (codes: readonly ErrorCode[], error: unknown): boolean =>
  error instanceof LLMError && codes.includes(error.code)

/** Whether what a chat is asked for is the address of a server. A model.yaml and the hub have addresses too, which are models. */
function isServer(model: string): boolean {
  if (!/^https?:\/\//i.test(model) || !URL.canParse(model)) return false
  const { hostname, pathname } = new URL(model)
  return !['huggingface.co', 'hf.co'].includes(hostname) && !/\.ya?ml$/i.test(pathname)
}

/** Loads the model that a command names, or connects to its server. Flags that make no sense with it are wrong usage. */
export async function chatPartner(
  model: string,
  flags: Flags,
  options: GenerationOptions,
  command: Command,
  interrupts: Interrupts,
): Promise<ChatPartner> {
  const given = (name: string) => command.getOptionValueSource(name) === 'cli'
  if (isServer(model)) {
    const rows: Rows = loadTable
    for (const [name, row] of Object.entries(rows)) {
      if (!row.flag || !given(row.flag.name ?? name)) continue
      command.error(`error: --${longName(name, row)} is for a model of this machine, not for one behind a server`)
    }
    return await connected(model, flags, given('contextOverflow') ? options : withoutOverflow(options), interrupts)
  }
  for (const [name, flag] of Object.entries({ model: '--model', apiKey: '--api-key' })) {
    if (given(name)) command.error(`error: ${flag} is for a server: expected its http:// address instead of a model`)
  }
  return loaded(await loadForCommand(model, flags, interrupts), options)
}

function loaded(llm: LLM, options: GenerationOptions): ChatPartner {
  const { source, device, contextLength, modelYaml } = llm.info
  return {
    about: `${basename(source.path)} on ${device}, context of ${contextLength} tokens`,
    contextLength,
    rewrites: modelYaml?.rewrites === true,
    passes: (error) => isOf(ofMessages, error),
    options,
    model: llm,
    count: async (messages, now) => (await llm.tokenize(messages, encodeOptions(now))).tokens.length,
    [Symbol.asyncDispose]: () => llm.close(),
  }
}

async function connected(
  address: string,
  { model, apiKey }: Flags,
  options: GenerationOptions,
  { signal }: Interrupts,
): Promise<ChatPartner> {
  const key = (apiKey as string | undefined) ?? process.env['OPENVINO_LLM_API_KEY']
  const named = typeof model === 'string' && { model }
  const remote = await LLM.connect(address, { ...named, ...(key && { apiKey: key }), signal })
  const { info } = remote
  const contextLength = info.contextLength ?? undefined
  return {
    about: `${info.model} at ${info.baseUrl}${contextLength === undefined ? '' : `, context of ${contextLength} tokens`}`,
    contextLength,
    rewrites: false,
    // A TypeError names an option that this server does not take, which `/set` can take back.
    passes: (error) => error instanceof TypeError || isOf([...ofMessages, ...ofServers], error),
    options,
    model: remote,
    // What is left out of a conversation is the server's to say.
    count: async () => undefined,
    [Symbol.asyncDispose]: () => remote.close(),
  }
}

/** By default a chat leaves out what no longer fits, which a server decides by itself. */
function withoutOverflow({ contextOverflow: _, ...options }: GenerationOptions): GenerationOptions {
  return options
}
