import * as check from './rules.js'
import type { SentOptions } from './shared.js'
import { defaultsOf, type Table } from './table.js'

/** What answers at an address: this package, OpenVINO Model Server, LocalAI, vLLM, or anything else that speaks OpenAI's API. */
export const serverKinds = ['openvino-llm', 'ovms', 'localai', 'vllm', 'openai'] as const

/** A kind of server: which options it takes, and how it is asked for tokens. `openai` is all that OpenAI's API has, and no more. */
export type ServerKind = (typeof serverKinds)[number]

/** Options of `LLM.connect`. */
export interface ConnectOptions {
  /** Is sent as `Authorization: Bearer KEY`. Default none. */
  apiKey?: string | undefined
  /** Which of the server's models. Needed when it has several. */
  model?: string | undefined
  /** What kind of server it is. By default the list of its models tells. */
  server?: ServerKind | undefined
  /** Further headers of every request, such as those that a gateway wants. */
  headers?: Readonly<Record<string, string>> | undefined
  /** Options of every request that does not set them. What nobody sets, the server decides: most sample at temperature 1. */
  defaults?: SentOptions | undefined
  /**
   * How often a request is sent again that no server has begun to answer: no connection, or the status 429, 502 or 503. It waits for as long
   * as `Retry-After` says, up to 60 seconds, else for 0.5, 1, 2, … 8 seconds. 0 to 100. Default 2.
   */
  maxRetries?: number | undefined
  /** Milliseconds to connect, else `ERR_NETWORK`. Default 10,000. */
  connectTimeout?: number | undefined
  /** Milliseconds until a response begins, else `ERR_TIMEOUT`. An answer that is not streamed begins when it is whole. Default 600,000. */
  headersTimeout?: number | undefined
  /** Milliseconds between two pieces of a response, else `ERR_TIMEOUT`. Before the first token that is the prefill. Default 300,000. */
  idleTimeout?: number | undefined
  /** Ends the connecting. */
  signal?: AbortSignal | undefined
}

const milliseconds = check.integer(1)

export const connectTable = {
  // What it may not be is said elsewhere: an error of a table would quote it.
  apiKey: check.string,
  model: check.string,
  server: check.oneOf(...serverKinds),
  headers: {
    expected: 'an object of headers with texts',
    accepts: (value) =>
      check.object.accepts(value) &&
      Object.entries(value as object).every(([name, text]) => /^[\w!#$%&'*+.^`|~-]+$/.test(name) && isHeader(text)),
  },
  defaults: check.object,
  maxRetries: { ...check.integer(0, 100), default: 2 },
  connectTimeout: { ...milliseconds, default: 10_000 },
  headersTimeout: { ...milliseconds, default: 600_000 },
  idleTimeout: { ...milliseconds, default: 300_000 },
  signal: check.signal,
} as const satisfies Table<ConnectOptions>

export const connectDefaults = defaultsOf(connectTable)

/** Whether a text may stand in a header. */
export const isHeader = (value: unknown): boolean => typeof value === 'string' && /^[\t\x20-\x7e]*$/.test(value)
