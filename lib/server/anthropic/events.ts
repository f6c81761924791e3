import type { GenerationStream } from '../../generation/stream.js'
import type { StreamPart } from '../../output/parts.js'
import { namedEvents, type StreamFormat } from '../event-stream.js'
import { type emptyMessage, endOf, textBlock, thinkingBlock, toolBlock, usageOf } from './message.js'

type Event = Readonly<Record<string, unknown> & { type: string }>

const ping: Event = { type: 'ping' }

/** Silence is broken by the event that Anthropic has for it. */
export const messageFormat: StreamFormat = { ...namedEvents, silence: namedEvents.write(ping) }

/**
 * The events of a message, in Anthropic's order. The first one comes with the first part, so that a request that cannot be answered is an
 * error and no stream.
 * @param stops stop sequences of the request
 */
export async function* messageEvents(
  answer: GenerationStream,
  empty: ReturnType<typeof emptyMessage>,
  stops: readonly string[],
): AsyncGenerator<Event> {
  const blocks = new Blocks()
  let begun = false
  const start = function* (): Generator<Event> {
    if (begun) return
    begun = true
    // What was in the cache is known at the end: the last event has the true numbers.
    const { promptTokens = 0 } = answer
    const usage = usageOf({ promptTokens, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 })
    yield { type: 'message_start', message: { ...empty, usage } }
    yield ping
  }
  for await (const part of answer) {
    yield* start()
    yield* blocks.add(part)
  }
  const result = await answer.result
  yield* start()
  yield* blocks.close()
  yield { type: 'message_delta', delta: endOf(result, stops), usage: usageOf(result.usage) }
  yield { type: 'message_stop' }
}

/** Makes content blocks of parts. One is open at a time. */
class Blocks {
  #index = -1
  #open: string | undefined;

  *add(part: StreamPart): Generator<Event> {
    switch (part.type) {
      case 'text':
        if (part.text === '') return
        if (this.#open !== 'text') yield* this.#begin(textBlock(''))
        yield this.#delta({ type: 'text_delta', text: part.text })
        break
      case 'reasoning':
        if (this.#open !== 'thinking') yield* this.#begin(thinkingBlock(''))
        yield this.#delta({ type: 'thinking_delta', thinking: part.reasoningText })
        break
      case 'tool-call-start':
        yield* this.#begin(toolBlock(part.id, part.name, {}))
        break
      case 'tool-call-delta':
        yield this.#delta({ type: 'input_json_delta', partial_json: part.argumentsText })
        break
    }
  }

  *close(): Generator<Event> {
    if (this.#open === undefined) return
    if (this.#open === 'thinking') yield this.#delta({ type: 'signature_delta', signature: '' })
    yield { type: 'content_block_stop', index: this.#index }
    this.#open = undefined
  }

  *#begin(block: { type: string }): Generator<Event> {
    yield* this.close()
    this.#index++
    this.#open = block.type
    yield { type: 'content_block_start', index: this.#index, content_block: block }
  }

  #delta(delta: object): Event {
    return { type: 'content_block_delta', index: this.#index, delta }
  }
}
