import type { GenerationOptions } from '#lib/index.js'
import { createServer, type ServedModel, type ServerOptions } from '#lib/server/index.js'

type Messages = { role: string; content: string }[]

/** A server of two models that say what `answers` has for the last message of a user; without an entry, `You said: …`, and how often. */
export async function servePage(answers: Readonly<Record<string, string>> = {}, options: ServerOptions = {}) {
  const asked: { messages: Messages; options: GenerationOptions }[] = []
  const metrics = {
    ...{ activeRequests: 1, running: 1, waiting: 0, preemptions: 0, steps: 0, health: { state: 'healthy' } },
    ...{ blocks: 10, blocksUsed: 3, blocksCached: 0, prefixHits: 0, evictions: 0, draftTokens: 0, acceptedTokens: 0 },
  }
  const times = new Map<string, number>()
  const usage = {
    promptTokens: 12,
    completionTokens: 40,
    totalTokens: 52,
    cachedTokens: 8,
    draftTokens: 0,
    acceptedTokens: 0,
  }
  const model = {
    info: { versions: {}, generationDefaults: {}, health: { state: 'healthy' }, memory: { weights: 1 } },
    metrics: () => metrics,
    stream(messages: Messages, given: GenerationOptions) {
      asked.push({ messages, options: given })
      const question = messages.findLast(({ role }) => role === 'user')?.content ?? ''
      const isLater = messages.at(-1)?.role === 'tool'
      times.set(question, (times.get(question) ?? 0) + 1)
      const echo = `You said: ${question}, ${times.get(question)} times`
      const text = isLater ? `The tool said ${messages.at(-1)?.content}` : (answers[question] ?? echo)
      const calls = given.tools && !isLater ? [{ id: 'call_1', name: 'weather', arguments: { city: 'Rome' } }] : []
      const answer = {
        text,
        reasoningText: '',
        toolCalls: calls,
        tokens: [],
        finishReason: calls.length ? 'tool-calls' : 'stop',
      }
      let finish = (_: object) => {}
      const result = new Promise<object>((resolve) => {
        finish = resolve
      })
      return {
        requestId: 'r',
        promptTokens: 12,
        result,
        async *[Symbol.asyncIterator]() {
          const part = (more: object) => ({ text: '', index: 0, tokens: [1], requestId: 'r', ...more })
          yield part({ type: 'reasoning', reasoningText: 'I *think*.' })
          for (const piece of text.match(/[\s\S]{1,7}/g) ?? []) yield part({ type: 'text', text: piece })
          for (const { id, name } of calls) {
            yield part({ type: 'tool-call-start', id, name })
            yield part({ type: 'tool-call-delta', id, argumentsText: '{"city":"Rome"}' })
          }
          // An answer without an end, until the client leaves.
          const { signal } = given
          if (question === 'Wait' && signal && !signal.aborted) {
            await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
          }
          finish({
            ...answer,
            requestId: 'r',
            answers: [answer],
            usage: { ...usage, reasoningTokens: 3 },
            timings: { timeToFirstToken: 1, queued: 0, timePerOutputToken: 1 },
          })
        },
      }
    },
  } as unknown as ServedModel
  const server = createServer({ first: model, second: model }, options)
  const { url } = await server.listen({ port: 0 })
  return { asked, url, [Symbol.asyncDispose]: () => server.close({ deadline: 0 }) }
}
