import * as check from '../options/rules.js'
import { type Counts, countsIn } from './counts.js'

type Json = Readonly<Record<string, unknown>>

/** One choice of a chunk, or of a whole response: the same fields, of which some have other names. */
export interface Choice {
  index: number
  text: string
  reasoning: string
  calls: readonly CallDelta[]
  /** Ids of the tokens that say all that; empty when the server does not tell. */
  tokens: readonly number[]
  logprobs: unknown
  finishReason: string | undefined
  stoppedBy: string | number | undefined
}

/** A piece of a tool call. */
export interface CallDelta {
  index: number
  id: string
  name: string
  arguments: string
}

/** What one event of a stream says, or a whole response. */
export interface Chunk {
  choices: readonly Choice[]
  counts: Counts | undefined
}

/** @throws TypeError that names the field, for what is no chunk */
export function readChunk(value: unknown): Chunk {
  const { choices, usage } = objectOf(value, 'a chunk')
  return { choices: listOf(choices, 'choices').map(readChoice), counts: countsIn(usage) }
}

function readChoice(value: unknown): Choice {
  const choice = objectOf(value, 'choices[]')
  // A chat has messages or deltas of them, a text completion has texts.
  const delta = objectOf(choice['delta'] ?? choice['message'] ?? { content: choice['text'] }, 'delta')
  const { index = 0, logprobs, finish_reason: finished, stop_reason: stopped } = choice
  if (!Number.isInteger(index) || (index as number) < 0) throw wrong('index', 'an integer ≥ 0', index)
  return {
    index: index as number,
    text: textOf(delta['content'], 'content'),
    // vLLM and LocalAI say reasoning, all others reasoning_content.
    reasoning: textOf(delta['reasoning_content'] ?? delta['reasoning'], 'reasoning'),
    calls: listOf(delta['tool_calls'], 'tool_calls').map(readCall),
    tokens: listOf(choice['token_ids'], 'token_ids').filter((id): id is number => Number.isInteger(id)),
    logprobs: logprobs ?? undefined,
    finishReason: typeof finished === 'string' && finished !== '' ? finished : undefined,
    stoppedBy: typeof stopped === 'string' || typeof stopped === 'number' ? stopped : undefined,
  }
}

function readCall(value: unknown, at: number): CallDelta {
  const call = objectOf(value, 'tool_calls[]')
  const { name, arguments: given } = objectOf(call['function'] ?? {}, 'function')
  const { index = at, id } = call
  if (!Number.isInteger(index)) throw wrong('tool_calls[].index', 'an integer', index)
  // Some servers give arguments as an object.
  const text = check.object.accepts(given) ? JSON.stringify(given) : textOf(given, 'arguments')
  return { index: index as number, id: textOf(id, 'id'), name: textOf(name, 'name'), arguments: text }
}

function objectOf(value: unknown, field: string): Json {
  if (!check.object.accepts(value)) throw wrong(field, 'an object', value)
  return value as Json
}

function listOf(value: unknown, field: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrong(field, 'an array', value)
  return value
}

function textOf(value: unknown, field: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw wrong(field, 'a text', value)
  return value
}

const wrong = (field: string, expected: string, found: unknown): TypeError =>
  new TypeError(`expected ${field} to be ${expected}, found ${check.describe(found)}`)
