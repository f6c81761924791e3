/** Entry of the worker thread: one job at a time, each answered by one message. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Addon } from '../../engine/boundary.js'
import { type ErrorCode, LLMError } from '../../errors.js'
import type { ChatOptions, EncodeOptions } from '../../options/encode.js'
import type { TextRewrite } from '../../options/rewrite.js'
import type { EncodedPrompt } from '../prompt/encoded-prompt.js'
import { PromptEncoder } from '../prompt/encoder.js'
import { rewriteText } from '../rewrite/rewrite.js'
import type { ChatMessage } from '../template/messages.js'
import type { TextSource } from '../text-source.js'
import { buffersOf, type TokenTable } from '../tokenizer/token-table.js'
import { Tokenizer } from '../tokenizer/tokenizer.js'

export interface WorkerStart {
  source: TextSource
  /** Whether to build the table of token bytes. A worker that replaces another one need not. */
  table: boolean
  /** The addon's file, for the clock of this thread; undefined where there is none. */
  addonPath: string | undefined
}

export type Job =
  | { kind: 'text'; text: string; options: EncodeOptions }
  /** A text by itself, without special tokens around it. */
  | { kind: 'word'; text: string }
  | { kind: 'chat'; messages: readonly ChatMessage[]; options: ChatOptions }
  /** Whole answers to a prompt. */
  | { kind: 'rewrite'; texts: readonly string[]; rewrite: TextRewrite; prompt: string }

/** What a job comes to. */
export type Done<Kind extends Job['kind'] = Job['kind']> = Kind extends 'rewrite' ? string[] : EncodedPrompt

/** An error on its way to the other thread. One without a code is a TypeError. */
export interface Failure {
  code: ErrorCode | undefined
  message: string
}

export interface Ready {
  tokens: TokenTable | undefined
  eosTokenIds: number[]
  bosTokenId: number | undefined
  addedTokens: [string, number][]
}

/** What ends the opening or a job. */
export type Answer = { ready: Ready } | { prompt: EncodedPrompt } | { texts: string[] } | { failure: Failure }

/** First the thread's clock, null if there is none; then answers. */
export type WorkerMessage = { clock: number | null } | Answer

function failure(error: unknown): Answer {
  if (error instanceof LLMError) return { failure: { code: error.code, message: error.message } }
  if (error instanceof TypeError) return { failure: { code: undefined, message: error.message } }
  // A RangeError comes from lengths, allocations, and regular expressions that overflow the stack on a very long word.
  const tooLarge = error instanceof RangeError
  const message = error instanceof Error ? error.message : String(error)
  const what = tooLarge ? `the text, or a word in it, is too long: ${message}` : message
  return {
    failure: {
      code: tooLarge ? 'ERR_TEXT_MEMORY' : 'ERR_TOKENIZER_INVALID',
      message: `${start.source.tokenizerPath}: ${what}`,
    },
  }
}

/** Opens the clock of this thread. A failure is no error: time on the clock then limits the jobs. */
function openClock(): number | null {
  if (start.addonPath === undefined) return null
  try {
    const addon = { exports: {} as Addon }
    process.dlopen(addon, start.addonPath)
    return addon.exports.threadClock()
  } catch {
    return null
  }
}

const start = workerData as WorkerStart
const port = parentPort

function run(): void {
  const tokenizer = new Tokenizer(start.source.tokenizerPath, start.source.tokenizerConfig)
  const encoder = new PromptEncoder(start.source, tokenizer)
  const tokens = start.table ? tokenizer.table() : undefined
  const ready: Ready = {
    tokens,
    eosTokenIds: tokenizer.eosTokenIds,
    bosTokenId: tokenizer.bosTokenId,
    addedTokens: [...tokenizer.addedTokens].map(([content, token]) => [content, token.id]),
  }
  port?.on('message', (job: Job) => {
    try {
      if (job.kind === 'rewrite') {
        const texts = job.texts.map((text) => rewriteText(text, job.rewrite, job.prompt))
        port.postMessage({ texts } satisfies Answer)
        return
      }
      const prompt = encoded(encoder, job)
      port.postMessage({ prompt } satisfies Answer, [prompt.tokens.buffer as ArrayBuffer])
    } catch (error) {
      port.postMessage(failure(error))
    }
  })
  port?.postMessage({ ready } satisfies Answer, tokens === undefined ? [] : buffersOf(tokens))
}

function encoded(encoder: PromptEncoder, job: Exclude<Job, { kind: 'rewrite' }>): EncodedPrompt {
  switch (job.kind) {
    case 'text':
      return encoder.encodeText(job.text, job.options)
    case 'word':
      return encoder.encodeWord(job.text)
    case 'chat':
      return encoder.encodeChat(job.messages, job.options)
  }
}

port?.postMessage({ clock: openClock() } satisfies WorkerMessage)
try {
  run()
} catch (error) {
  port?.postMessage(failure(error))
}
