import t from 'tap'
import { LLM, runTools, type StreamPart } from '#lib/index.js'
import { call, serveSaid } from '../server/said.js'

const messages = [{ role: 'user', content: 'How is the weather?' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } } }

t.test('reasoning and tool calls come as the parts that the model gave', async (t) => {
  await using served = await serveSaid()
  await using llm = await LLM.connect(served.url)
  const tools = [{ name: 'weather', parameters }]
  const stream = llm.stream(messages, { tools, toolChoice: { name: 'weather' }, reasoning: 'high' })
  const parts: StreamPart[] = []
  for await (const part of stream) parts.push(part)
  t.match(
    parts.filter(({ type, text }) => type !== 'text' || text !== ''),
    [
      { type: 'reasoning', reasoningText: 'Where? ' },
      { type: 'reasoning', reasoningText: 'Rome.' },
      { type: 'text', text: 'I will look.' },
      { type: 'tool-call-start', id: call.id, name: call.name },
      { type: 'tool-call-delta', argumentsText: '{"city":' },
      { type: 'tool-call-delta', argumentsText: '"Rome"}' },
      { type: 'tool-call', ...call },
    ],
  )
  t.match(await stream.result, {
    text: 'I will look.',
    reasoningText: 'Where? Rome.',
    toolCalls: [call],
    finishReason: 'tool-calls',
    usage: { promptTokens: 5, completionTokens: 7, reasoningTokens: 2 },
  })
  t.match(served.asked.at(-1), { prompt: messages, options: { toolChoice: { name: 'weather' }, reasoning: 'high' } })
})

t.test('tools are run by what takes either model', async (t) => {
  await using served = await serveSaid()
  await using llm = await LLM.connect(served.url)
  const tools = { weather: { parameters, execute: () => ({ sky: 'clear' }) } }
  const result = await runTools(llm, messages, { tools })
  t.equal(result.text, 'It is clear.')
  t.match(served.asked.at(-1)?.prompt, [
    messages[0],
    { role: 'assistant', reasoning_content: 'Where? Rome.', tool_calls: [{ id: call.id }] },
    { role: 'tool', tool_call_id: call.id, content: '{"sky":"clear"}' },
  ])
})

t.test('an error of the model in the middle of its answer', async (t) => {
  await using served = await serveSaid({ failure: new TypeError('expected maxNewTokens to be less') })
  await using llm = await LLM.connect(served.url)
  await t.rejects(llm.generate(messages), { name: 'TypeError', message: /expected maxNewTokens to be less/ })
})
