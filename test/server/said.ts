import type { GenerationOptions, Prompt } from '#lib/index.js'
import { createServer, type ServedModel } from '#lib/server/index.js'

/** The one tool call. */
export const call = { id: 'call_1', name: 'weather', arguments: { city: 'Rome' } }
const parts = [
  { type: 'reasoning', reasoningText: 'Where? ' },
  { type: 'reasoning', reasoningText: 'Rome.' },
  { type: 'text', text: 'I will look.' },
  { type: 'tool-call-start', id: call.id, name: call.name },
  { type: 'tool-call-delta', id: call.id, argumentsText: '{"city":' },
  { type: 'tool-call-delta', id: call.id, argumentsText: '"Rome"}' },
  { type: 'tool-call', ...call },
].map((part) => ({ text: '', index: 0, tokens: [1], requestId: 'r', ...part }))
const answer = {
  text: 'I will look.',
  reasoningText: 'Where? Rome.',
  toolCalls: [call],
  tokens: parts.map(() => 1),
  finishReason: 'tool-calls',
  stoppedBy: null,
}
const result = {
  ...answer,
  requestId: 'r',
  answers: [answer],
  usage: {
    promptTokens: 5,
    completionTokens: 7,
    totalTokens: 12,
    cachedTokens: 0,
    draftTokens: 0,
    acceptedTokens: 0,
    reasoningTokens: 2,
  },
  timings: { timeToFirstToken: 1, queued: 0, timePerOutputToken: 1, load: 0, prefill: 1, decode: 3 },
}

/** What it says when it has been told the result of a tool. */
const later = { ...result, text: 'It is clear.', reasoningText: '', toolCalls: [], finishReason: 'stop' }
const laterResult = { ...later, answers: [later] }
const laterParts = [{ type: 'text', text: later.text, index: 0, tokens: [1], requestId: 'r' }]

/**
 * A server of a model, `said`, that says what is written down here: the server only gives it another form.
 * @param options.failure what the model fails with after all that
 * @param options.info what else `llm.info` holds
 */
export async function serveSaid({ failure, info = {} }: { failure?: Error; info?: object } = {}) {
  const asked: { prompt: Prompt; options: GenerationOptions }[] = []
  const rejected = Promise.reject(failure)
  rejected.catch(() => {})
  const model = {
    info: {
      versions: {},
      generationDefaults: {},
      health: { state: 'healthy' },
      source: { kind: 'folder' },
      modelType: 'said',
      weights: { f32: 1, u4: 2 },
      chat: { reasoning: 'think', toolCalls: 'hermes' },
      ...info,
    },
    stream(prompt: Prompt, options: GenerationOptions) {
      asked.push({ prompt, options })
      const isLater = (prompt as { role: string }[]).at(-1)?.role === 'tool'
      const said = isLater ? laterResult : result
      return {
        requestId: 'r',
        promptTokens: 5,
        result: failure ? rejected : Promise.resolve(said),
        async *[Symbol.asyncIterator]() {
          yield* isLater ? laterParts : parts
          if (failure) throw failure
        },
      }
    },
  } as unknown as ServedModel
  const server = createServer({ said: model })
  const { url } = await server.listen({ port: 0 })
  return { asked, server, url, [Symbol.asyncDispose]: () => server.close() }
}
