import t from 'tap'
import { skipWithoutGrammars } from '../llm/constrained.js'
import { call, serveSaid } from '../server/said.js'
import { serveTiny, user } from '../server/serving.js'
import { installed, skipWithoutClients } from './installed.js'

interface Result {
  text: string
  reasoningText: string
  finishReason: string
  usage: { inputTokens: number; outputTokens: number }
  toolCalls: { toolCallId: string; toolName: string; input: unknown }[]
  steps: unknown[]
  output: unknown
}
type Asynchronous<T> = { [field in keyof T]: Promise<T[field]> }

/** What is used of `ai`. */
interface Ai {
  generateText(request: object): Promise<Result>
  streamText(request: object): Asynchronous<Result> & { textStream: AsyncIterable<string> }
  tool(described: object): unknown
  jsonSchema(schema: object): unknown
  stepCountIs(count: number): unknown
  Output: { object(options: object): unknown }
}

async function sdk(url: string, model: string) {
  const ai = await installed<Ai>('ai')
  const { createOpenAICompatible } = await installed<{
    createOpenAICompatible(settings: object): (id: string) => unknown
  }>('@ai-sdk/openai-compatible')
  const settings = { name: 'local', baseURL: `${url}/v1`, includeUsage: true, supportsStructuredOutputs: true }
  return { ai, model: createOpenAICompatible(settings)(model) }
}

t.test('the AI SDK: text, whole and streamed', { skip: skipWithoutClients }, async (t) => {
  await using served = await serveTiny()
  const { url } = await served.server.listen({ port: 0 })
  const { ai, model } = await sdk(url, 'tiny')
  const messages = [user('Hello there')]
  const expected = await served.llm.generate(messages, { maxNewTokens: 12, temperature: 0 })
  const asked = { model, messages, temperature: 0, maxOutputTokens: 12, maxRetries: 0 }
  const usage = { inputTokens: expected.usage.promptTokens, outputTokens: 12 }
  t.match(await ai.generateText(asked), { text: expected.text, finishReason: 'length', usage })
  const stream = ai.streamText(asked)
  let text = ''
  for await (const delta of stream.textStream) text += delta
  t.equal(text, expected.text)
  t.match(await stream.usage, usage)
})

t.test('the AI SDK: reasoning, and a tool that it runs', { skip: skipWithoutClients }, async (t) => {
  await using served = await serveSaid()
  const { ai, model } = await sdk(served.url, 'said')
  const called: unknown[] = []
  const weather = ai.tool({
    description: 'Tells',
    inputSchema: ai.jsonSchema({ type: 'object', properties: { city: { type: 'string' } } }),
    execute: async (input: unknown) => {
      called.push(input)
      return 'clear'
    },
  })
  const asked = { model, prompt: 'Weather?', tools: { weather }, maxRetries: 0 }
  const first = await ai.generateText(asked)
  t.match(first, { reasoningText: 'Where? Rome.', text: 'I will look.', finishReason: 'tool-calls' })
  t.match(first.toolCalls, [{ toolCallId: call.id, toolName: 'weather', input: call.arguments }])
  const stopWhen = ai.stepCountIs(3)
  t.match(await ai.generateText({ ...asked, stopWhen }), { text: 'It is clear.', steps: { length: 2 } })
  const stream = ai.streamText({ ...asked, stopWhen })
  t.equal(await stream.text, 'It is clear.')
  t.same(called, Array(3).fill(call.arguments))
})

t.test('the AI SDK: an object that obeys a schema', { skip: skipWithoutClients || skipWithoutGrammars }, async (t) => {
  await using served = await serveTiny()
  const { url } = await served.server.listen({ port: 0 })
  const { ai, model } = await sdk(url, 'tiny')
  const properties = { colour: { enum: ['red', 'green'] } }
  const schema = ai.jsonSchema({ type: 'object', properties, required: ['colour'], additionalProperties: false })
  const found = await ai.generateText({
    model,
    prompt: 'A colour',
    output: ai.Output.object({ schema }),
    maxRetries: 0,
  })
  t.match(found.output, { colour: /^(red|green)$/ })
})
