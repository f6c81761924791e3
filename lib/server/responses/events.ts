import type { GenerationResult } from '../../generation/result.js'
import type { GenerationStream } from '../../generation/stream.js'
import type { StreamPart } from '../../output/parts.js'
import { apiErrorOf } from '../api-error.js'
import { chatLogprobs } from '../probabilities.js'
import {
  callItem,
  endedResponse,
  type Logprob,
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
  logprobs: Logprob[]
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

/** The items of a whole response, as its events would have made them, with the log-probabilities of its messages. */
export async function itemsWithLogprobs(answer: GenerationStream): Promise<OutputItem[]> {
  const items = new Items(answer.requestId)
  const drain = (events: Generator<Event>) => {
    while (!events.next().done);
  }
  for await (const part of answer) drain(items.add(part))
  drain(items.end(await answer.result))
  return items.done
}

/** Makes items of parts. One is open at a time. */
class Items {
  readonly done: OutputItem[] = []
  readonly #requestId: string
  #open: OpenItem | undefined
  /** Of tokens whose text is yet to come. */
  #waiting: Logprob[] = []

  constructor(requestId: string) {
    this.#requestId = requestId
  }

  *add(part: StreamPart): Generator<Event> {
    switch (part.type) {
      case 'text':
        this.#waiting.push(...(chatLogprobs(part.logprobs)?.content ?? []))
        // A token may have no text of its own: the next one has it too.
        if (part.text !== '' || (this.#waiting.length > 0 && this.#isInMessage)) yield* this.#text(part.text)
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
    if (!this.#isInMessage) {
      yield* this.#begin(messageItem(this.#requestId, undefined, 'in_progress'))
      yield { type: 'response.content_part.added', ...this.#place, content_index: 0, part: textPart('') }
    }
    const logprobs = this.#waiting.splice(0)
    this.#open?.logprobs.push(...logprobs)
    if (text === '' && logprobs.length === 0) return
    yield { ...this.#delta('response.output_text.delta', text), content_index: 0, logprobs }
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
    this.#open = { item, text: '', logprobs: [] }
    yield { type: 'response.output_item.added', output_index: this.done.length, item }
  }

  get #isInMessage(): boolean {
    return this.#open?.item.type === 'message'
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
    const { item, text, logprobs } = this.#open
    const place = this.#place
    let whole: OutputItem
    if (item.type === 'message') {
      whole = messageItem(this.#requestId, text, 'completed', logprobs)
      yield { type: 'response.output_text.done', ...place, content_index: 0, text, logprobs }
      yield { type: 'response.content_part.done', ...place, content_index: 0, part: textPart(text, logprobs) }
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
