import t from 'tap'
import { toolHistory } from '#lib/generation/tool-history.js'
import type { ChatMessage } from '#lib/text/template/messages.js'

const question: ChatMessage = { role: 'user', content: 'Q' }
const called = (...ids: string[]): ChatMessage => ({
  role: 'assistant',
  content: 'I look.',
  tool_calls: ids.map((id, i) => ({ id, name: `f${i}`, arguments: { a: i, b: [true, null] } })),
})
const result = (id: string | undefined, content: string): ChatMessage => ({
  role: 'tool',
  ...(id !== undefined && { tool_call_id: id }),
  content,
})

t.test('a template that shows no calls has them in the text, as its family writes them', async (t) => {
  const messages = [question, called('x', 'y')]
  const written = {
    hermes:
      'I look.\n<tool_call>\n{"name": "f0", "arguments": {"a": 0, "b": [true, null]}}\n</tool_call>\n<tool_call>\n{"name": "f1", "arguments": {"a": 1, "b": [true, null]}}\n</tool_call>',
    granite:
      'I look.\n<|tool_call|>[{"name": "f0", "arguments": {"a": 0, "b": [true, null]}}, {"name": "f1", "arguments": {"a": 1, "b": [true, null]}}]',
    lfm2: 'I look.\n<|tool_call_start|>[f0(a=0, b=[true, null]), f1(a=1, b=[true, null])]<|tool_call_end|>',
  } as const
  for (const [toolCallParser, text] of Object.entries(written) as [keyof typeof written, string][]) {
    t.equal(toolHistory('{{ messages }}', messages, { toolCallParser })[1]?.content, text)
    t.same(toolHistory('{{ m.tool_calls }}', messages, { toolCallParser }), messages, 'one that shows them gets them')
  }
  t.same(toolHistory('{{ messages }}', messages, {}), messages, 'no family is known')
})

t.test('results become a field of the caller where the template knows no messages of tools', async (t) => {
  const template = '<|tool_call>{{ m.tool_calls }}{{ m.tool_responses }}'
  const messages = [question, called('x', 'y'), result('y', '{"ok": true}'), result(undefined, 'none'), question]
  const [, caller, ...rest] = toolHistory(template, messages, {})
  t.same(caller?.['tool_responses'], [
    { name: 'f1', response: { ok: true } },
    { name: 'f0', response: 'none' },
  ])
  t.same(rest, [question])
  t.same(messages[1], called('x', 'y'), 'what was given is not changed')
  t.equal(toolHistory(`${template}{{ m.role == 'tool' }}`, messages, {}).length, messages.length)
})

t.test('a family of one call a message gets a message for each, and behind it its result', async (t) => {
  const messages = [question, called('x', 'y'), result('y', 'of y'), result('x', 'of x'), question]
  const history = toolHistory('m.tool_calls', messages, { toolCallParser: 'llama3' })
  t.same(
    history.map(({ role, content, tool_calls }) => [role, content, tool_calls?.length ?? 0]),
    [
      ['user', 'Q', 0],
      ['assistant', 'I look.', 1],
      ['tool', 'of x', 0],
      ['assistant', '', 1],
      ['tool', 'of y', 0],
      ['user', 'Q', 0],
    ],
  )
})

t.test('ids get the form that the family demands, and results keep theirs', async (t) => {
  const messages = [
    question,
    called('call_of_openai', 'AbCdEfGh9'),
    result('call_of_openai', '1'),
    result(undefined, '2'),
  ]
  const [, caller, first, second] = toolHistory('m.tool_calls', messages, { toolCallParser: 'mistral' })
  const ids = (caller?.tool_calls ?? []).map(({ id }) => id)
  t.match(ids, [/^\w{9}$/, 'AbCdEfGh9'])
  t.same([first?.tool_call_id, second?.tool_call_id], ids)
})

t.test('an empty list of calls is none, and tools go where Phi-4-mini looks for them', async (t) => {
  t.same(toolHistory('m.tool_calls', [{ role: 'assistant', content: 'a', tool_calls: [] }], {}), [
    { role: 'assistant', content: 'a' },
  ])
  const template = "{{ '<|tool|>' + message['tools'] }}"
  const tools = [{ name: 'f', description: 'd', strict: false }]
  const shown = /^\[\{"name":"f","description":"d"/
  t.match(toolHistory(template, [question], { tools })[0], { role: 'system', content: '', tools: shown })
  t.match(toolHistory(template, [question], { tools, systemPrompt: 'S' })[0], { content: 'S', tools: shown })
  const own = toolHistory(template, [{ role: 'system', content: 'Own' }, question], { tools })
  t.match(own, [{ role: 'system', content: 'Own', tools: shown }, question])
  t.notMatch(own[0]?.['tools'], 'strict', 'the model does not see it')
  t.same(toolHistory(template, [question], { tools, toolChoice: 'none' }), [question])
})
