import t from 'tap'
import { ChatTemplate } from '#lib/text/template/chat-template.js'
import { Conversation } from '#lib/text/template/conversation.js'
import { type ChatMessage, checkMessages } from '#lib/text/template/messages.js'
import { TemplateProbe } from '#lib/text/template/template-probe.js'

const render = (source: string, messages: ChatMessage[]): string => {
  const probe = new TemplateProbe(new ChatTemplate(source, 'chat_template.jinja'))
  return new Conversation(probe, messages, { tools: null }, { continueFinalMessage: false }).render(
    new Conversation(probe, messages, { tools: null }, { continueFinalMessage: false }).messages,
  )
}

const history: ChatMessage[] = [
  { role: 'user', content: 'Weather?' },
  { role: 'assistant', content: '', tool_calls: [{ id: 'a', name: 'weather', arguments: { city: 'Rome' } }] },
  { role: 'tool', tool_call_id: 'a', content: 'sunny' },
]

t.test('tool calls reach the template in its form, whichever they are given in', (t) => {
  const objects =
    '{% for call in messages[1].tool_calls %}{{ call.type }} {{ call.function.arguments | tojson }}{% endfor %}'
  const texts = "{% for call in messages[1].tool_calls %}{{ call.type }} {{ '' + call.function.arguments }}{% endfor %}"
  const forms: ChatMessage['tool_calls'][] = [
    [{ id: 'a', name: 'weather', arguments: { city: 'Rome' } }],
    [{ id: 'a', name: 'weather', arguments: '{"city": "Rome"}' }],
    [{ id: 'a', type: 'function', function: { name: 'weather', arguments: '{"city": "Rome"}' } }],
    [{ id: 'a', type: 'function', function: { name: 'weather', arguments: { city: 'Rome' } } }],
  ]
  for (const tool_calls of forms) {
    const messages = history.map((message) =>
      message.tool_calls ? { ...message, tool_calls: tool_calls ?? [] } : message,
    )
    t.equal(render(objects, messages), 'function {"city": "Rome"}')
    t.match(render(texts, messages), /^function \{"city": ?"Rome"\}$/)
  }
  t.end()
})

t.test('a malformed history is a TypeError that names the message', (t) => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ role: 'assistant', tool_calls: {} }, /^messages\[1\]\.tool_calls: expected an array/],
    [{ role: 'assistant', tool_calls: [null] }, /^messages\[1\]\.tool_calls\[0\]: expected an object/],
    [
      { role: 'assistant', tool_calls: [{ function: {} }] },
      /^messages\[1\]\.tool_calls\[0\]\.function\.name: expected a string/,
    ],
    [
      { role: 'assistant', tool_calls: [{ name: 'a', arguments: '{' }] },
      /^messages\[1\]\.tool_calls\[0\]\.arguments: expected an object/,
    ],
    [
      { role: 'assistant', tool_calls: [{ name: 'a', id: 5 }] },
      /^messages\[1\]\.tool_calls\[0\]\.id: expected a string/,
    ],
    [
      { role: 'tool', content: 'x', tool_call_id: 'b' },
      /^messages\[1\]\.tool_call_id: expected the id of a tool call in an earlier message/,
    ],
    [{ role: 'tool', content: 'x', tool_call_id: 5 }, /^messages\[1\]\.tool_call_id: expected a string/],
  ]
  for (const [message, expected] of wrong) {
    t.throws(() => checkMessages([{ role: 'user', content: 'x' }, message]), { name: 'TypeError', message: expected })
  }
  t.doesNotThrow(() => checkMessages([...history, { role: 'tool', content: 'no id, as some templates have it' }]))
  t.end()
})

t.test('reasoning is replayed under the name that the template knows', (t) => {
  const names = ['reasoning_content', 'reasoning', 'thinking']
  for (const known of names) {
    for (const given of names) {
      const messages = [{ role: 'assistant', content: 'Yes', [given]: 'Hm.' }]
      t.equal(render(`{{ messages[0].${known} }}|{{ messages[0].content }}`, messages), 'Hm.|Yes')
    }
  }
  t.end()
})
