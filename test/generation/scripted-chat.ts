import { startRequest } from '#lib/generation/request.js'
import { GenerationStream } from '#lib/generation/stream.js'
import type { ChatOptions } from '#lib/options/encode.js'
import type { GenerationOptions } from '#lib/options/generation.js'
import { greedySampling } from '#lib/options/resolve-sampling.js'
import { PromptEncoder } from '#lib/text/prompt/encoder.js'
import type { ChatMessage } from '#lib/text/template/messages.js'
import type { Tokenizer } from '#lib/text/tokenizer/tokenizer.js'
import type { TextWorker } from '#lib/text/worker/text-worker.js'
import { startScripted } from '../engine/scripted.js'
import { tableOf } from './table.js'

/** A chat with the scripted runner: everything of a request but the tokenizer and the model. */
export interface ScriptedChat {
  template: string
  messages: ChatMessage[]
  options?: GenerationOptions
  /** The tokens that the model answers with; the last one ends the answer. */
  answer: readonly string[]
  /** Those of them that are special tokens. */
  special?: readonly string[]
  /** Other tokens that the model has. */
  others?: readonly string[]
  /** Whether the addon has grammars. */
  canConstrain?: boolean
  /** What the template calls the end of a sequence. */
  eos?: string
}

/** What renders chats with a template, and encodes each as one token. */
export function templateEncoder(template: string, eos = ''): PromptEncoder {
  const source = {
    tokenizerPath: '',
    tokenizerConfig: { bos_token: '', eos_token: eos },
    templates: { default: template },
    templateFile: 'chat_template.jinja',
    chatsNeedBos: false,
  }
  return new PromptEncoder(source, { encode: () => [0] } as unknown as Tokenizer)
}

/** Starts it. The caller closes what it gets. */
export async function scriptedChat({
  template,
  messages,
  options = {},
  answer,
  special = [],
  others = [],
  canConstrain = false,
  eos = '',
}: ScriptedChat) {
  const pieces = [...answer, ...others]
  // A grammar names a special token by one id.
  const script = answer.map((piece, i) => (canConstrain && special.includes(piece) ? answer.indexOf(piece) : i))
  const engine = await startScripted({ script, vocabulary: pieces.length })
  const marks = Uint8Array.from(pieces, (piece) => (special.includes(piece) ? 1 : 0))
  let rendered = ''
  const encoder = templateEncoder(template, eos)
  const text = {
    tokens: { ...tableOf(pieces), special: marks, added: marks },
    templateOf: () => template,
    addedTokenId: (word: string) => (special.includes(word) ? pieces.indexOf(word) : undefined),
    encodeWord: async (word: string) => {
      const tokens: number[] = []
      for (let rest = word; rest !== ''; ) {
        const found = pieces.findIndex((piece) => rest.startsWith(piece))
        if (found < 0) throw new Error(`no token for ${rest}`)
        tokens.push(found)
        rest = rest.slice(pieces[found]?.length)
      }
      return tokens
    },
    encodeChat: async (
      given: readonly ChatMessage[],
      { signal: _, ...chat }: ChatOptions & { signal: AbortSignal },
    ) => {
      const encoded = encoder.encodeChat(given, chat)
      rendered = encoded.text
      return encoded
    },
  } as unknown as TextWorker
  const context = {
    engine: { ready: async () => engine },
    text,
    warn: () => {},
    contextLength: 10_000,
    contextReason: '',
    maxPrompt: Number.POSITIVE_INFINITY,
    vocabularySize: pieces.length,
    canDraft: false,
    canConstrain,
    stopTokenIds: [answer.length - 1],
    stopWords: [],
  } as unknown as Parameters<typeof startRequest>[0]
  const stream = new GenerationStream({
    requestId: 'r',
    callSite: () => '',
    filter: options.filter,
    onText: options.onText,
    start: (handlers, signal) =>
      startRequest(context, { kind: 'chat', messages }, options, greedySampling, handlers, signal),
  })
  return { stream, rendered: () => rendered, close: () => engine.close() }
}
