import t from 'tap'
import { skipWithoutGrammars } from '../llm/constrained.js'
import { call, serveSaid } from '../server/said.js'
import { serveTiny, user } from '../server/serving.js'
import { installed, skipWithoutClients } from './installed.js'

interface Message {
  content: string
  tool_calls: { id: string; name: string; args: unknown }[]
  usage_metadata: object
  concat(other: Message): Message
}

/** What is used of `@langchain/openai`. */
interface Chat {
  invoke(input: unknown): Promise<Message>
  stream(input: unknown): Promise<AsyncIterable<Message>>
  bindTools(tools: readonly object[]): Chat
  withStructuredOutput(schema: object, options: object): { invoke(input: string): Promise<unknown> }
}

async function chat(url: string, model: string, maxTokens = 12): Promise<Chat> {
  const { ChatOpenAI } = await installed<{ ChatOpenAI: new (fields: object) => Chat }>('@langchain/openai')
  const configuration = { baseURL: `${url}/v1` }
  return new ChatOpenAI({ model, apiKey: 'none', temperature: 0, maxTokens, maxRetries: 0, configuration })
}

t.test('LangChain: text, whole and streamed', { skip: skipWithoutClients }, async (t) => {
  await using served = await serveTiny()
  const { url } = await served.server.listen({ port: 0 })
  const model = await chat(url, 'tiny')
  const messages = [user('Hello there')]
  const expected = await served.llm.generate(messages, { maxNewTokens: 12, temperature: 0 })
  const usage = { input_tokens: expected.usage.promptTokens, output_tokens: 12 }
  t.match(await model.invoke(messages), { content: expected.text, usage_metadata: usage })
  t.match(await whole(model, messages), { content: expected.text, usage_metadata: usage })
})

t.test('LangChain: tool calls, whole and streamed', { skip: skipWithoutClients }, async (t) => {
  await using served = await serveSaid()
  const described = { name: 'weather', description: 'Tells', parameters: { type: 'object', properties: {} } }
  const model = (await chat(served.url, 'said')).bindTools([{ type: 'function', function: described }])
  const expected = { content: 'I will look.', tool_calls: [{ id: call.id, name: 'weather', args: call.arguments }] }
  t.match(await model.invoke('Weather?'), expected)
  t.match(await whole(model, 'Weather?'), expected)
})

t.test('LangChain: structured output', { skip: skipWithoutClients || skipWithoutGrammars }, async (t) => {
  await using served = await serveTiny()
  const { url } = await served.server.listen({ port: 0 })
  const schema = {
    title: 'Thing',
    type: 'object',
    properties: { colour: { enum: ['red', 'green'] } },
    required: ['colour'],
    additionalProperties: false,
  }
  const model = (await chat(url, 'tiny', 200)).withStructuredOutput(schema, { method: 'jsonSchema', strict: true })
  t.match(await model.invoke('A colour'), { colour: /^(red|green)$/ })
})

/** The chunks of a stream together. */
async function whole(model: Chat, input: unknown): Promise<Message | undefined> {
  let message: Message | undefined
  for await (const chunk of await model.stream(input)) message = message?.concat(chunk) ?? chunk
  return message
}
