import t from 'tap'
import { answerGrammar } from '#lib/generation/answer-grammar.js'
import type { GenerationOptions } from '#lib/options/generation.js'
import type { ResponseFormat } from '#lib/options/response-format.js'
import { tableOf } from './table.js'

const pieces = ['a', '<think>', '</think>']
const text = {
  tokens: tableOf(pieces),
  addedTokenId: (word: string) => (pieces.includes(word) ? pieces.indexOf(word) : undefined),
}
const plainText = { tokens: tableOf(['a']), addedTokenId: () => undefined }
const grammar = (responseFormat: ResponseFormat, reasoning: 'none' | 'think' = 'none', prompt = '', marks = text) =>
  answerGrammar(marks, { reasoning, calls: undefined }, { responseFormat }, prompt)

t.test('without reasoning a format is a grammar of its own kind', (t) => {
  t.equal(answerGrammar(text, { reasoning: 'think', calls: undefined }, {}, ''), undefined)
  t.same(grammar({ type: 'regex', pattern: 'a+' }), { kind: 'regex', source: 'a+' })
  t.same(grammar({ type: 'lark', grammar: 'start: "a"' }), { kind: 'lark', source: 'start: "a"' })
  t.same(grammar({ type: 'choice', choices: ['a', '"'] }), { kind: 'lark', source: 'start: "a" | "\\""\n' })
  const json = grammar({ type: 'json_schema', schema: { type: 'string' } })
  const escapes = String.raw`"json_allowed_escapes":"nrbtf\\\""`
  const compact = `{"type":"string","x-guidance":{"whitespace_flexible":false,${escapes}}}`
  t.same(json, { kind: 'json_schema', source: compact })
  t.equal(grammar({ type: 'json', whitespace: 'any' })?.source, `{"type":"object","x-guidance":{${escapes}}}`)
  t.end()
})

t.test('behind reasoning it is a rule, and the marks are tokens where they are special', (t) => {
  const choice: ResponseFormat = { type: 'choice', choices: ['a'] }
  t.match(grammar(choice, 'think')?.source, 'start: (<[1]>  thoughts SPACE)? answer\nthoughts: /(?s:.*)/ <[2]>\n')
  const opened = grammar(choice, 'think', 'Hi<think>\n', plainText)
  t.match(opened?.source, 'start: thoughts SPACE answer\nthoughts[lazy]: /(?s:.*)<\\/think>/\n')
  t.match(grammar({ type: 'regex', pattern: 'a/b' }, 'think')?.source, 'answer: /a\\/b/')
  const own = grammar({ type: 'lark', grammar: 'start: "a"' }, 'think')
  t.equal(own?.kind, 'llguidance')
  t.match(JSON.parse(own?.source ?? ''), {
    grammars: [{ lark_grammar: /^start: .*\n(?:.*\n)*answer: @own\n$/ }, { name: 'own', lark_grammar: 'start: "a"' }],
  })
  t.end()
})

t.test('a message that is continued may have opened its reasoning, or be the answer', (t) => {
  const choice: GenerationOptions = { responseFormat: { type: 'choice', choices: ['a'] } }
  const continued = (reasoning: 'think' | 'harmony', message: string) =>
    answerGrammar(text, { reasoning, calls: undefined }, choice, `Hi ${message}`, message)?.source
  t.match(continued('think', '<think>Well'), 'start: thoughts SPACE answer\n')
  t.match(continued('think', '<think>Well</think> a'), 'start: (')
  t.equal(continued('harmony', 'a'), 'start: answer\nanswer: "a"\n')
  t.end()
})

t.test('calls that are required, in the form of their family', (t) => {
  const $defs = { x: { type: 'string' } }
  const tools = [
    { name: 'a', parameters: { type: 'object', properties: { x: { $ref: '#/$defs/x' } }, $defs } },
    { name: 'b.c', parameters: { properties: { x: {} }, required: ['y'] } },
  ]
  const marks = ['<tool_call>', '[TOOL_CALLS]', '[ARGS]', '<|channel|>', '<|message|>', '<|end|>']
  const model = {
    tokens: { ...tableOf(marks), special: Uint8Array.of(0, 1, 1, 1, 1, 1) },
    addedTokenId: (word: string) => (marks.includes(word) ? marks.indexOf(word) : undefined),
  }
  const asked = (
    calls: 'hermes' | 'mistral' | 'granite' | 'harmony',
    other: GenerationOptions = {},
    text: Parameters<typeof answerGrammar>[0] = model,
  ) => {
    const reasoning = calls === 'harmony' ? 'harmony' : 'none'
    return answerGrammar(text, { reasoning, calls }, { tools, toolChoice: 'required', ...other }, '')?.source ?? ''
  }
  const open = `arguments_1: %json {"properties":{"x":{}},"required":["y"],"type":"object","x-guidance":`
  const closed = `arguments_0: %json {"type":"object","properties":{"x":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}},"additionalProperties":false,"x-guidance":`
  const hermes = asked('hermes')
  t.match(
    hermes,
    'start: answer\nanswer: marked ("\\n" marked)*\nmarked: "<tool_call>" "\\n" call "\\n" "</tool_call>"\n',
  )
  t.match(hermes, String.raw`call: "{\"name\": \"a\", \"arguments\": " arguments_0 "}" | "{\"name\": \"b.c\",`)
  t.match(hermes, `${closed}{"whitespace_flexible":false,"item_separator":", ","key_separator":": ","json_`)
  t.match(hermes, open)
  t.match(asked('hermes', { parallelToolCalls: false }), 'answer: marked\n')
  t.notMatch(asked('hermes', { toolChoice: { name: 'b.c' } }), 'arguments_1')
  t.match(asked('granite'), 'list: "[" call (", " call)* "]"\n')
  t.match(asked('granite', { parallelToolCalls: false }), 'list: "[" call "]"\n')
  t.match(asked('mistral'), 'answer: named+\nnamed: <[1]> ("a" <[2]> arguments_0 | "b.c" <[2]> arguments_1)\n')
  t.match(asked('mistral', {}, plainText), 'answer: "[TOOL_CALLS]" " "? list\n')
  const harmony = asked('harmony')
  t.match(harmony, 'start: (thoughts "<|start|>" "assistant")? answer\nthoughts: <[3]> "analysis" <[4]> thought\n')
  t.match(
    harmony,
    'thought: /(?s:.*)/ <[5]>\nanswer: <[3]> ("commentary to=functions.a " "<|constrain|>"? "json" <[4]> ',
  )
  t.equal(asked('hermes', { toolChoice: 'auto' }), '')
  t.end()
})
