import type { FinishReason, GenerationResult } from '../../generation/result.js'
import type { GenerationStream } from '../../generation/stream.js'
import type { StreamPart, ToolCall } from '../../output/parts.js'
import { eventStream, type StreamFormat } from '../event-stream.js'
import type { Exchange } from '../exchange.js'
import type { NamedModel } from '../models.js'

/** One JSON value a line. Nothing can be said while the model computes. */
const lines: StreamFormat = {
  contentType: 'application/x-ndjson',
  write: (value) => `${JSON.stringify(value)}\n`,
  silence: '',
  last: '',
}

/** What is said, whole or in part. */
export interface Said {
  text?: string
  thinking?: string
  calls?: readonly ToolCall[]
  /** The number of the first of them among all; default 0. */
  firstCall?: number
}

/** How an endpoint says something: Ollama's two differ in this alone. */
export type Saying = (said: Said) => object

/** The response to a request: one line a part and one at the end, or everything at once. */
export async function respond(
  answer: GenerationStream,
  named: NamedModel,
  saying: Saying,
  exchange: Exchange,
  stream: boolean,
): Promise<Response> {
  if (stream) return await eventStream(parts(answer, named, saying), { ...exchange.events, format: lines })
  const result = await answer.result
  const { text, reasoningText: thinking, toolCalls: calls } = result
  return Response.json({ ...headOf(named), ...saying({ text, thinking, calls }), ...endOf(result) })
}

/** The answer to a request that asks for none: Ollama loads the model then. */
export const nothingAsked = (named: NamedModel, saying: Saying, keepAlive: unknown) => ({
  ...headOf(named),
  ...saying({ text: '' }),
  done: true,
  done_reason: keepAlive === 0 || keepAlive === '0' ? 'unload' : 'load',
})

const headOf = ({ name }: NamedModel) => ({ model: name, created_at: new Date().toISOString() })

async function* parts(answer: GenerationStream, named: NamedModel, saying: Saying): AsyncGenerator<object> {
  let calls = 0
  for await (const part of answer) {
    const said = part.type === 'tool-call' ? { calls: [part], firstCall: calls++ } : saidBy(part)
    if (said) yield { ...headOf(named), ...saying(said), done: false }
  }
  yield { ...headOf(named), ...saying({ text: '' }), ...endOf(await answer.result) }
}

/** Tool calls are said when they are whole. */
function saidBy(part: StreamPart): Said | undefined {
  switch (part.type) {
    case 'text':
      return part.text === '' ? undefined : { text: part.text }
    case 'reasoning':
      return { thinking: part.reasoningText }
    default:
      return undefined
  }
}

const reasons: Partial<Record<FinishReason, string>> = { length: 'length' }

const nanoseconds = (milliseconds: number): number => Math.round(milliseconds * 1e6)

function endOf({ finishReason, usage, timings }: GenerationResult) {
  return {
    done: true,
    done_reason: reasons[finishReason] ?? 'stop',
    total_duration: nanoseconds(timings.timeToFirstToken + timings.decode),
    load_duration: nanoseconds(timings.load),
    prompt_eval_count: usage.promptTokens,
    prompt_eval_duration: nanoseconds(timings.prefill),
    eval_count: usage.completionTokens,
    eval_duration: nanoseconds(timings.decode),
  }
}
