import t from 'tap'
import { reasoningIn } from '#lib/output/formats/reasoning.js'
import { callsIn } from '#lib/output/formats/tool-calls.js'
import { ChatTemplate } from '#lib/text/template/chat-template.js'
import type { ChatMessage } from '#lib/text/template/messages.js'
import { scriptedChat } from './scripted-chat.js'

// Templates in the forms of the families' own, with their marks; written for this test.
const each = (call: string, between = '') =>
  `{% for call in message.tool_calls or [] %}{{ ${JSON.stringify(between)} if not loop.first }}${call}{% endfor %}`
const listed = (begin: string, end: string, more = '') =>
  `{% if message.tool_calls %}${begin}[${each(`{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}${more}}`, ', ')}]${end}{% endif %}`
const template = (calls: string, { opening = '', begin = '<|im_start|>', end = '<|im_end|>\n' } = {}) =>
  `{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}{% for message in messages %}${begin}{{ message.role }}\n{{ message.content }}${calls}${end}{% endfor %}${begin}assistant\n${opening}`

const value = `{% macro value(v) %}{% if v is string %}<|"|>{{ v }}<|"|>{% elif v is mapping %}{{ '{' }}{% for key, one in v.items() %}{{ ',' if not loop.first }}{{ key }}:{{ value(one) }}{% endfor %}{{ '}' }}{% elif v is iterable %}[{% for one in v %}{{ ',' if not loop.first }}{{ value(one) }}{% endfor %}]{% else %}{{ v | tojson }}{% endif %}{% endmacro %}`

interface Family {
  name: NonNullable<ReturnType<typeof callsIn>>
  template: string
  special: string[]
  /** What the model writes before its calls: reasoning, and the text of it. */
  thinks?: [written: string, text: string]
  /** Whether an answer has several calls. */
  several?: boolean
}

const think: Family['thinks'] = ['<think>\nHm. <b>\n</think>\n\n', 'Hm. <b>']
const families: Family[] = [
  {
    name: 'hermes',
    template: template(
      `{% if '</think>' in message.content %}{% endif %}${each('<tool_call>\n{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n</tool_call>', '\n')}`,
    ),
    special: ['<|im_start|>', '<|im_end|>'],
    thinks: think,
    several: true,
  },
  {
    name: 'qwen3-coder',
    template: template(
      `{% if '</think>' in message.content %}{% endif %}${each(
        '<tool_call>\n<function={{ call.function.name }}>\n{% for key, value in call.function.arguments.items() %}<parameter={{ key }}>\n{{ value if value is string else value | tojson }}\n</parameter>\n{% endfor %}</function>\n</tool_call>',
        '\n',
      )}`,
    ),
    special: ['<|im_start|>', '<|im_end|>'],
    thinks: think,
    several: true,
  },
  {
    name: 'llama3',
    template: template(
      each('{"name": "{{ call.function.name }}", "parameters": {{ call.function.arguments | tojson }}}', '; '),
      { begin: '<|start_header_id|>', end: '<|eot_id|>' },
    ),
    special: ['<|start_header_id|>', '<|eot_id|>', '<|python_tag|>'],
    several: true,
  },
  {
    name: 'mistral',
    template: template(`{% if '[THINK]' in '' %}{% endif %}${listed('[TOOL_CALLS] ', '', ', "id": "{{ call.id }}"')}`),
    special: ['[TOOL_CALLS]', '[THINK]', '[/THINK]'],
    thinks: ['[THINK]Hm.[/THINK]', 'Hm.'],
    several: true,
  },
  {
    name: 'mistral',
    template: template(each('[TOOL_CALLS]{{ call.function.name }}[ARGS]{{ call.function.arguments | tojson }}')),
    special: ['[TOOL_CALLS]', '[ARGS]'],
    several: true,
  },
  {
    name: 'phi4-mini',
    template: template(`{% if '<|tool|>' in '' %}{% endif %}${listed('<|tool_call|>', '<|/tool_call|>')}`),
    special: ['<|tool_call|>', '<|/tool_call|>'],
    several: true,
  },
  {
    name: 'granite',
    template: template(`{% if '<think>' in '' or '<response>' in '' %}{% endif %}${listed('<|tool_call|>', '')}`),
    special: ['<|tool_call|>'],
    thinks: ['<think>Hm.</think>\n', 'Hm.'],
    several: true,
  },
  {
    name: 'harmony',
    template: template(
      each(
        '<|channel|>commentary to=functions.{{ call.function.name }} <|constrain|>json<|message|>{{ call.function.arguments | tojson }}<|call|>',
      ),
      { begin: '<|start|>', end: '' },
    ),
    special: ['<|start|>', '<|channel|>', '<|constrain|>', '<|message|>', '<|end|>', '<|call|>'],
    thinks: ['<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant', 'Hm.'],
  },
  {
    name: 'gemma',
    template: `${value}${template(
      each(
        "<|tool_call>call:{{ call.function.name }}{{ '{' }}{% for key, one in call.function.arguments.items() %}{{ ',' if not loop.first }}{{ key }}:{{ value(one) }}{% endfor %}{{ '}' }}<tool_call|>",
      ),
    )}{% if '<|channel><channel|>' in '' %}{% endif %}`,
    special: ['<|tool_call>', '<tool_call|>', '<|"|>', '<|channel>', '<channel|>'],
    thinks: ['<|channel>thought\nHm.<channel|>', 'Hm.'],
    several: true,
  },
  {
    name: 'lfm2',
    template: template(
      `{% if message.tool_calls %}<|tool_call_start|>[${each(
        '{{ call.function.name }}({% for key, one in call.function.arguments.items() %}{{ \', \' if not loop.first }}{{ key }}={{ "\'" ~ one ~ "\'" if one is string else one | tojson }}{% endfor %})',
        ', ',
      )}]<|tool_call_end|>{% endif %}`,
    ),
    special: ['<|tool_call_start|>', '<|tool_call_end|>'],
    several: true,
  },
]

const parameters = {
  type: 'object',
  properties: {
    city: { type: 'string' },
    days: { type: 'integer' },
    rates: { type: 'array', items: { type: ['number', 'null'] } },
    more: { type: 'object', properties: { on: { type: 'boolean' }, 'x-y': { type: 'string' } } },
  },
}
const tools = [
  { name: 'weather', description: 'Tells', parameters },
  { name: 'now.utc', description: 'Tells', parameters: { type: 'object', properties: {} } },
]
const wanted = [
  {
    name: 'weather',
    arguments: { city: 'Rome, {x} [y] – "z"', days: 2, rates: [1.5, null], more: { on: true, 'x-y': '' } },
  },
  { name: 'now.utc', arguments: {} },
]
const question: ChatMessage = { role: 'user', content: 'How is the weather?' }

/** The calls as a family's template writes them, behind the content of their message. */
function written({ template }: Family, calls: typeof wanted): string {
  const content = '\u0001'
  const behind = (tool_calls?: object[]) => {
    const messages = [question, { role: 'assistant', content, ...(tool_calls && { tool_calls }) }]
    return new ChatTemplate(template, 'chat_template.jinja').render({ messages, tools: null }).split(content)[1] ?? ''
  }
  const text = behind(calls.map((call) => ({ id: 'abcdefghi', type: 'function', function: call })))
  return text.slice(0, text.length - behind().length)
}

/** A token a character, and one a mark. */
const piecesOf = (text: string, special: readonly string[]): string[] => {
  const marks = special.map((mark) => mark.replace(/[|[\]/]/g, '\\$&'))
  return text.match(new RegExp(`${marks.join('|')}|[^]`, 'gu')) ?? []
}

for (const family of families) {
  const { name, template, special, thinks, several } = family
  t.test(`${name}: calls that the template writes are read again, behind reasoning`, async (t) => {
    t.equal(callsIn(template), name)
    const calls = several ? wanted : wanted.slice(0, 1)
    const text = written(family, calls)
    for (const [before, reasoningText] of [['', ''] as const, ...(thinks ? [thinks] : [])]) {
      t.equal(reasoningText !== '' && reasoningIn(template) === 'none', false, 'the template tells the reasoning')
      const end = special.includes('<|call|>') ? [] : ['<end>']
      const answer = [...piecesOf(before + text, special), ...end]
      const chat = { template, messages: [question], answer, special: [...special, '<end>'], options: { tools } }
      const { stream, rendered, close } = await scriptedChat(chat)
      const result = await stream.result.finally(close)
      t.match(rendered(), 'Tells', 'the model sees the tools')
      t.match(result, { text: '', reasoningText, finishReason: 'tool-calls' }, text)
      t.same(
        result.toolCalls.map(({ name, arguments: given }) => ({ name, arguments: given })),
        calls,
        text,
      )
    }
  })
}
