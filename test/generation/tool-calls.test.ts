import t from 'tap'
import type { StreamPart } from '#lib/output/parts.js'
import { type ScriptedChat, scriptedChat } from './scripted-chat.js'

// Reduced from the families' own templates, with their marks; written for this test.
const hermes = `{% for tool in tools or [] %}{{ tool | tojson }}
{% endfor %}{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}<|im_start|>assistant
{% if '</think>' in '' %}{% endif %}`
const harmony = `{% for tool in tools or [] %}type {{ tool.function.name }}
{% endfor %}{{ messages[0].content }}<|start|>assistant{% if false %}<|channel|><|message|>{% endif %}`

const messages = [{ role: 'user', content: 'What is the weather in Rome?' }]
const weather = {
  name: 'weather',
  description: 'Tells',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
}
const call = [
  '<think>',
  'Hm.',
  '</think>',
  '\n\n',
  '<tool_call>',
  '\n{"name": "wea',
  'ther", "arguments": {"city"',
  ': "Rome"}}\n',
  '</tool_call>',
  '<end>',
]
const special = ['<end>']

async function answered(chat: ScriptedChat) {
  const { stream, rendered, close } = await scriptedChat(chat)
  try {
    const parts: StreamPart[] = []
    for await (const part of stream) parts.push(part)
    return { parts, result: await stream.result, rendered: rendered() }
  } finally {
    await close()
  }
}

t.test('a tool call comes as parts, and the answer ends with tool-calls', async (t) => {
  const { parts, result, rendered } = await answered({
    template: hermes,
    messages,
    answer: call,
    special,
    options: { tools: [weather] },
  })
  t.match(rendered, '{"type": "function", "function": {"name": "weather", "description": "Tells", "parameters": {')
  t.match(result, { text: '', reasoningText: 'Hm.', finishReason: 'tool-calls' })
  t.match(result.toolCalls, [{ id: /^call_\w{24}$/, name: 'weather', arguments: { city: 'Rome' } }])
  const start = parts.find((part) => part.type === 'tool-call-start')
  const deltas = parts.flatMap((part) => (part.type === 'tool-call-delta' ? [part] : []))
  const whole = parts.find((part) => part.type === 'tool-call')
  t.match(
    [start, whole],
    [
      { name: 'weather', text: '' },
      { name: 'weather', arguments: { city: 'Rome' } },
    ],
  )
  t.equal(deltas.map(({ argumentsText }) => argumentsText).join(''), '{"city": "Rome"}')
  t.equal(new Set([start, whole, ...deltas].map((part) => part?.id)).size, 1)
  t.same(
    parts.flatMap((part) => part.tokens),
    call.map((_, token) => token),
  )
})

t.test('a call that the end cuts is no call', async (t) => {
  const { result } = await answered({
    template: hermes,
    messages,
    answer: call,
    special,
    options: { tools: [weather], maxNewTokens: 7 },
  })
  t.match(result, { toolCalls: [], finishReason: 'length' })
})

t.test('harmony: a recipient is a tool', async (t) => {
  const words = [
    '<|channel|>',
    'analysis',
    '<|message|>',
    'Hm.',
    '<|end|>',
    '<|start|>',
    'assistant',
    '<|channel|>',
    'commentary to=functions.weather ',
    '<|constrain|>',
    'json',
    '<|message|>',
    '{"city": "Rome"}',
    '<|call|>',
  ]
  const marks = words.filter((word) => word.startsWith('<|'))
  const { result } = await answered({
    template: harmony,
    messages,
    answer: words,
    special: marks,
    options: { tools: [weather] },
  })
  t.match(result, {
    text: '',
    reasoningText: 'Hm.',
    toolCalls: [{ name: 'weather', arguments: { city: 'Rome' } }],
    finishReason: 'tool-calls',
  })
})

t.test('without tools, or with toolChoice none, the model sees none and its text is text', async (t) => {
  const answer = ['<tool_call>{"name": "weather"}</tool_call>', '<end>']
  const plain = { template: hermes, messages, answer, special }
  t.match((await answered(plain)).result, { text: answer[0], toolCalls: [], finishReason: 'stop' })
  const none = await answered({ ...plain, options: { tools: [weather], toolChoice: 'none' } })
  t.match(none.result, { text: answer[0], toolCalls: [] })
  t.notMatch(none.rendered, 'Tells')
})

t.test('a template of no known family refuses tools until the family is named', async (t) => {
  const answer = ['<tool_call>{"name": "weather"}</tool_call>', '<end>']
  const unknown = { template: '{{ messages[0].content }}', messages, answer, special }
  await t.rejects(answered({ ...unknown, options: { tools: [weather] } }), {
    name: 'TypeError',
    message: /toolCallParser \(hermes, /,
  })
  const named = await answered({ ...unknown, options: { tools: [weather], toolCallParser: 'hermes' } })
  t.match(named.result, { toolCalls: [{ name: 'weather', arguments: {} }] })
})

t.test('stop words and filters see no tool call', async (t) => {
  let seen = ''
  const { result } = await answered({
    template: hermes,
    messages,
    answer: call,
    special,
    options: {
      tools: [weather],
      stop: 'city',
      filter: (text) => {
        seen += text
        return undefined
      },
    },
  })
  t.match(result, { toolCalls: [{ name: 'weather' }], finishReason: 'tool-calls' })
  t.equal(seen, '')
})
