import type { GenerationResult } from '../../generation/result.js'
import type { GenerationStream } from '../../generation/stream.js'
import type { StreamPart } from '../../output/parts.js'
import { apiErrorOf } from '../api-error.js'
import {
  callItem,
  endedResponse,
  messageItem,
  type OutputItem,
  type ResponseObject,
  reasoningItem,
  summaryPart,
  textPart,
} from './response.js'

type Event = Readonly<Record<string, unknown> & { type: string }>

/** One item while it is written. */
interface OpenItem {
  item: OutputItem
  text: string
}

/**
 * The events of a response, in OpenAI's order. The first ones come with the first part, so that a request that cannot be answered is an
 * error and no stream.
 * @param ended is told of the finished response
 */
export async function* responseEvents(
  answer: GenerationStream,
  empty: ResponseObject,
  ended: (response: ResponseObject, result: GenerationResult) => void,
): AsyncGenerator<Event> {
  let number = 0
  const numbered = (event: Event): Event => ({ ...event, sequence_number: number++ })
  const items = new Items(answer.requestId)
  const parts = answer[Symbol.asyncIterator]()
  let next = await parts.next()
  if (next.done) await answer.result
  yield numbered({ type: 'response.created', response: empty })
  yield numbered({ type: 'response.in_progress', response: empty })
  try {
    for (; !next.done; next = await parts.next()) for (const event of items.add(next.value)) yield numbered(event)
    const result = await answer.result
    for (const event of items.end(result)) yield numbered(event)
    const response = endedResponse(empty, result, items.done)
    ended(response, result)
    yield numbered({ type: `response.${response.status}`, response })
  } catch (error) {
    const { code, message } = apiErrorOf(error).body.error
    const response = {
      ...empty,
      status: 'failed',
      output: items.done,
      error: { code: code ?? 'server_error', message },
    }
    yield numbered({ type: 'response.failed', response })
    throw error
  } finally {
    await parts.return?.()
  }
}

/** Makes items of parts. One is open at a time. */
class Items {
  readonly done: OutputItem[] = []
  readonly #requestId: string
  #open: OpenItem | undefined

  constructor(requestId: string) {
    this.#requestId = requestId
  }

  *add(part: StreamPart): Generator<Event> {
    switch (part.type) {
      case 'text':
        if (part.text !== '') yield* this.#text(part.text)
        break
      case 'reasoning':
        yield* this.#reasoning(part.reasoningText)
        break
      case 'tool-call-start':
        yield* this.#begin(callItem(part.id, part.name, '', 'in_progress'))
        break
      case 'tool-call-delta':
        yield this.#delta('response.function_call_arguments.delta', part.argumentsText)
        break
    }
  }

  /** A response has a message unless it has something else to say. */
  *end({ toolCalls }: GenerationResult): Generator<Event> {
    yield* this.#close()
    if (this.done.some(({ type }) => type !== 'reasoning') || toolCalls.length > 0) return
    yield* this.#text('')
    yield* this.#close()
  }

  *#text(text: string): Generator<Event> {
    if (this.#open?.item.type !== 'message') {
      yield* this.#begin(messageItem(this.#requestId, undefined, 'in_progress'))
      yield { type: 'response.content_part.added', ...this.#place, content_index: 0, part: textPart('') }
    }
    if (text !== '') yield { ...this.#delta('response.output_text.delta', text), content_index: 0, logprobs: [] }
  }

  *#reasoning(text: string): Generator<Event> {
    if (this.#open?.item.type !== 'reasoning') {
      yield* this.#begin(reasoningItem(this.#requestId, undefined))
      yield { type: 'response.reasoning_summary_part.added', ...this.#place, summary_index: 0, part: summaryPart('') }
    }
    yield { ...this.#delta('response.reasoning_summary_text.delta', text), summary_index: 0 }
  }

  *#begin(item: OutputItem): Generator<Event> {
    yield* this.#close()
    this.#open = { item, text: '' }
    yield { type: 'response.output_item.added', output_index: this.done.length, item }
  }

  #delta(type: string, delta: string): Event {
    if (this.#open) this.#open.text += delta
    return { type, ...this.#place, delta }
  }

  get #place() {
    return { item_id: this.#open?.item.id, output_index: this.done.length }
  }

  *#close(): Generator<Event> {
    if (!this.#open) return
    const { item, text } = this.#open
    const place = this.#place
    let whole: OutputItem
    if (item.type === 'message') {
      whole = messageItem(this.#requestId, text, 'completed')
      yield { type: 'response.output_text.done', ...place, content_index: 0, text, logprobs: [] }
      yield { type: 'response.content_part.done', ...place, content_index: 0, part: textPart(text) }
    } else if (item.type === 'reasoning') {
      whole = reasoningItem(this.#requestId, text)
      yield { type: 'response.reasoning_summary_text.done', ...place, summary_index: 0, text }
      yield { type: 'response.reasoning_summary_part.done', ...place, summary_index: 0, part: summaryPart(text) }
    } else {
      whole = { ...item, arguments: text, status: 'completed' }
      yield { type: 'response.function_call_arguments.done', ...place, name: item['name'], arguments: text }
    }
    yield { type: 'response.output_item.done', output_index: place.output_index, item: whole }
    this.done.push(whole)
    this.#open = undefined
  }
}
