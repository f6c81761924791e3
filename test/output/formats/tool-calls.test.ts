import t from 'tap'
import { callFormats, callsIn } from '#lib/output/formats/tool-calls.js'
import { ToolStage } from '#lib/output/formats/tool-stage.js'
import { cuts, piecesOf, type Said, said } from './cuts.js'

const tools = [
  {
    name: 'weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' }, zip: { type: 'string' } },
    },
  },
  { name: 'now' },
]

interface Case {
  name: keyof typeof callFormats
  text: string
  special?: string[]
  parts: Said['parts']
  /** Arguments of the calls that are complete. */
  given: Record<string, unknown>[]
}

const json = '{"city": "Rome </tool_call> \\"{[", "days": 2}'
const value = { city: 'Rome </tool_call> "{[', days: 2 }

const cases: Case[] = [
  {
    name: 'hermes',
    text: `Let me see.\n<tool_call>\n{"name": "weather", "arguments": ${json}}\n</tool_call>\n<tool_call>\n{"name": "now"}\n</tool_call>`,
    parts: [
      ['text', 'Let me see.'],
      ['call', 'weather', json],
      ['call', 'now', '{}'],
    ],
    given: [value, {}],
  },
  {
    name: 'hermes',
    text: '<tool_call>{"arguments": {"a": [1, {"b": null}]}, "name": "now"}</tool_call>done',
    special: ['<tool_call>', '</tool_call>'],
    parts: [
      ['call', 'now', '{"a": [1, {"b": null}]}'],
      ['text', 'done'],
    ],
    given: [{ a: [1, { b: null }] }],
  },
  { name: 'hermes', text: 'a <tool_cal> {"name": 1}', parts: [['text', 'a <tool_cal> {"name": 1}']], given: [] },
  { name: 'hermes', text: '<tool_call> no JSON', parts: [['text', '<tool_call> no JSON']], given: [] },
  {
    name: 'hermes',
    text: '<tool_call>{"name": "weather", "arguments": {"city": "Ro',
    parts: [['call', 'weather', '{"city": "Ro']],
    given: [],
  },
  {
    name: 'hermes',
    text: '<tool_call>{"name": "now", "arguments": "{\\"a\\": 1}"}</tool_call>',
    parts: [['call', 'now', '{"a": 1}']],
    given: [{ a: 1 }],
  },
  {
    name: 'qwen3-coder',
    text:
      '<tool_call>\n<function=weather>\n<parameter=city>\nRome\n<b>\n</parameter>\n<parameter=days>\n2\n</parameter>\n' +
      '<parameter=zip>\n00100\n</parameter>\n<parameter=other>\nTrue\n</parameter>\n</function>\n</tool_call>',
    parts: [['call', 'weather', '{"city": "Rome\\n<b>", "days": 2, "zip": "00100", "other": true}']],
    given: [{ city: 'Rome\n<b>', days: 2, zip: '00100', other: true }],
  },
  {
    // The letters of an end are no end without a tag behind them, nor inside JSON.
    name: 'qwen3-coder',
    text:
      '<tool_call>\n<function=weather>\n<parameter=city>\na</parameter>b\n</parameter>\n</parameter>\n' +
      '<parameter=other>\n{"a": "</parameter><parameter=x"}\n</parameter>\n</function>\n</tool_call>',
    parts: [
      ['call', 'weather', '{"city": "a</parameter>b\\n</parameter>", "other": {"a":"</parameter><parameter=x"}}'],
    ],
    given: [{ city: 'a</parameter>b\n</parameter>', other: { a: '</parameter><parameter=x' } }],
  },
  {
    name: 'llama3',
    text: `{"name": "weather", "parameters": ${json}}; {"name": "now", "parameters": {}}`,
    parts: [
      ['call', 'weather', json],
      ['call', 'now', '{}'],
    ],
    given: [value, {}],
  },
  { name: 'llama3', text: ' {"name": "unknown"}', parts: [['text', ' {"name": "unknown"}']], given: [] },
  { name: 'llama3', text: 'It is {"name": "now"}', parts: [['text', 'It is {"name": "now"}']], given: [] },
  {
    name: 'llama3',
    text: '<|python_tag|>{"type": "function", "name": "now", "parameters": {}}',
    special: ['<|python_tag|>'],
    parts: [['call', 'now', '{}']],
    given: [{}],
  },
  {
    name: 'mistral',
    text: '[TOOL_CALLS] [{"name": "now", "arguments": {}, "id": "abcdefghi"}, {"name": "weather", "arguments": {"city": "Rome"}}]',
    special: ['[TOOL_CALLS]'],
    parts: [
      ['call', 'now', '{}'],
      ['call', 'weather', '{"city": "Rome"}'],
    ],
    given: [{}, { city: 'Rome' }],
  },
  {
    name: 'mistral',
    text: 'Hm.[TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS]{}[TOOL_CALLS]weather[ARGS]{"city": "R}"}',
    special: ['[TOOL_CALLS]', '[ARGS]', '[CALL_ID]'],
    parts: [
      ['text', 'Hm.'],
      ['call', 'now', '{}'],
      ['call', 'weather', '{"city": "R}"}'],
    ],
    given: [{}, { city: 'R}' }],
  },
  {
    name: 'phi4-mini',
    text: '<|tool_call|>[{"name": "now", "arguments": {}}]<|/tool_call|>',
    special: ['<|tool_call|>', '<|/tool_call|>'],
    parts: [['call', 'now', '{}']],
    given: [{}],
  },
  {
    name: 'phi4-mini',
    text: '<|tool_call|>{"name": "now", "arguments": {"a": 1}}<|/tool_call|><|tool_call|>{"name": "now", "arguments": {}}<|/tool_call|>',
    special: ['<|tool_call|>', '<|/tool_call|>'],
    parts: [
      ['call', 'now', '{"a": 1}'],
      ['call', 'now', '{}'],
    ],
    given: [{ a: 1 }, {}],
  },
  {
    name: 'lfm2',
    text: `<|tool_call_start|>[now(a={"on": true, "b": null}, c=[1.5, None, True], d=False, e="it's")]<|tool_call_end|>`,
    special: ['<|tool_call_start|>', '<|tool_call_end|>'],
    parts: [['call', 'now', `{"a": {"on":true,"b":null}, "c": [1.5,null,true], "d": false, "e": "it's"}`]],
    given: [{ a: { on: true, b: null }, c: [1.5, null, true], d: false, e: "it's" }],
  },
  {
    name: 'granite',
    text: '<|tool_call|>[{"name": "now", "arguments": {"a": -1.5e3}}]',
    special: ['<|tool_call|>'],
    parts: [['call', 'now', '{"a": -1.5e3}']],
    given: [{ a: -1500 }],
  },
  {
    name: 'gemma',
    text: '<|tool_call>call:weather{city:<|"|>Rome, {x}<|"|>,days:2,more:{a:[true,null]}}<tool_call|>',
    special: ['<|tool_call>', '<tool_call|>', '<|"|>'],
    parts: [['call', 'weather', '{"city":"Rome, {x}","days":2,"more":{"a":[true,null]}}']],
    given: [{ city: 'Rome, {x}', days: 2, more: { a: [true, null] } }],
  },
  {
    name: 'lfm2',
    text: `<|tool_call_start|>[weather(city="Rome (a, b)", days=2), now(a={'k': [True, None, "it's"]}, b='\\u00e9\\n')]<|tool_call_end|>Wait.`,
    special: ['<|tool_call_start|>', '<|tool_call_end|>'],
    parts: [
      ['call', 'weather', '{"city": "Rome (a, b)", "days": 2}'],
      ['call', 'now', `{"a": {"k":[true,null,"it's"]}, "b": "é\\n"}`],
      ['text', 'Wait.'],
    ],
    given: [
      { city: 'Rome (a, b)', days: 2 },
      { a: { k: [true, null, "it's"] }, b: 'é\n' },
    ],
  },
]

t.test("each family's calls are read alike wherever the text is cut", (t) => {
  for (const { name, text, special = [], parts, given } of cases) {
    for (const pieces of cuts(text, special)) {
      const stage = new ToolStage(callFormats[name], tools, (marker) => special.includes(marker))
      const found = said(pieces, [stage], special)
      t.same(found.parts, parts, `${name}: ${JSON.stringify(pieces)}`)
      t.same(
        found.calls.map((call) => call.arguments),
        given,
        `${name}: ${JSON.stringify(pieces)}`,
      )
    }
  }
  t.end()
})

t.test('an answer that is cut anywhere has the calls that were whole', (t) => {
  for (const { name, text, special = [], given } of cases) {
    for (let length = 0; length <= text.length; length++) {
      const cut = text.slice(0, length)
      const stage = new ToolStage(callFormats[name], tools, (marker) => special.includes(marker))
      const found = said(piecesOf(cut, special), [stage], special).calls.map((call) => call.arguments)
      t.same(found, given.slice(0, found.length), `${name}: ${cut}`)
    }
  }
  t.end()
})

t.test('random text around the marks loses nothing and breaks nothing', (t) => {
  let state = 11
  const random = (n: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * n)
  }
  for (const [name, format] of Object.entries(callFormats)) {
    const bits = [
      ...format.begin,
      format.end ?? '',
      '{"name": "now"',
      ', "arguments": {',
      '}',
      '[',
      ']',
      'now(',
      'a=1',
      ')',
      '"',
      '\\',
      '\n',
      'x<',
      'call:now{',
      '<function=now>',
      '</function>',
    ]
    for (let round = 0; round < 60; round++) {
      const text = Array.from({ length: 12 }, () => bits[random(bits.length)]).join('')
      const whole = said([text], [new ToolStage(format, tools, () => false)])
      const single = said([...text], [new ToolStage(format, tools, () => false)])
      t.same(single, whole, `${name}: ${text}`)
    }
  }
  t.end()
})

t.test('the format is found by what the chat template knows', (t) => {
  const known: [string, string | undefined][] = [
    ["{{ '<|start|>assistant<|channel|>commentary<|message|>' }}", 'harmony'],
    ["{{ '<|tool_call>call:' }}", 'gemma'],
    ["{{ '<|tool_list_start|>' }}", 'lfm2'],
    ["{{ '<tool_call>\\n<function=' }}{{ '<parameter=' }}", 'qwen3-coder'],
    ["{{ '[AVAILABLE_TOOLS]' }}", 'mistral'],
    ["{{ '<|tool|>' + tools + '<|/tool|>' }}", 'phi4-mini'],
    ["{{ '<|tool_call|>' }}", 'granite'],
    ['{{ \'<tool_call>\\n{"name": \' }}', 'hermes'],
    ["{{ '<tool_call><arg_key>' }}", undefined],
    ["{{ '<|start_header_id|>' }}{{ '\"parameters\": ' }}", 'llama3'],
    ["{{ '<|start_header_id|>' }}", undefined],
  ]
  for (const [template, name] of known) t.equal(callsIn(template), name, template)
  t.end()
})

t.test('ids are as long as the family wants them', (t) => {
  t.match(callFormats.mistral.callId?.make() ?? '', /^[A-Za-z0-9]{9}$/)
  t.end()
})
