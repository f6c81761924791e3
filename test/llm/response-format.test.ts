import t from 'tap'
import type { GenerationOptions, LLM, ResponseFormat, StandardSchema } from '#lib/index.js'
import { skipWithoutGrammars as skip } from './constrained.js'
import { loadTiny } from './fixtures.js'

const schema = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 6 }, colour: { enum: ['red', 'green'] } },
  required: ['name', 'colour'],
  additionalProperties: false,
}

/** What zod gives, by hand: upper case goes out. */
const upper = (fails = false): StandardSchema<{ name: string }> => ({
  '~standard': {
    version: 1,
    vendor: 'hand',
    validate: (value) =>
      fails
        ? { issues: [{ message: 'is wrong', path: ['name'] }] }
        : { value: { name: (value as { name: string }).name.toUpperCase() } },
    jsonSchema: { input: () => schema },
  },
})

let llm: LLM
t.before(async () => {
  llm = await loadTiny()
})
t.teardown(() => llm.close())

const sampled: GenerationOptions = { temperature: 1, seed: 3, maxNewTokens: 200 }

t.test('JSON obeys its schema, and grows in the stream', { skip }, async (t) => {
  const stream = llm.stream('A person:', { ...sampled, responseFormat: { type: 'json_schema', schema } })
  const objects: unknown[] = []
  let text = ''
  for await (const part of stream) {
    text += part.text
    if (part.type === 'object') objects.push(part.object)
  }
  const { value, finishReason } = await stream.result
  t.equal(finishReason, 'stop')
  t.same(value, JSON.parse(text))
  t.match(value, { name: String, colour: /^(red|green)$/ })
  t.notMatch(text, /^\{ |": /, 'compact by default')
  t.ok(objects.length > 0)
  t.same(objects.at(-1), value)
})

t.test('a choice, a regular expression and a grammar', { skip }, async (t) => {
  const choice = await llm.generate('A colour:', {
    ...sampled,
    responseFormat: { type: 'choice', choices: ['red "x"', 'green'] },
  })
  t.match(choice.value, /^(red "x"|green)$/)
  t.equal(choice.value, choice.text)
  const date = await llm.generate('A date:', {
    ...sampled,
    responseFormat: { type: 'regex', pattern: '[0-9]{4}-[0-9]{2}' },
  })
  t.match(date.text, /^\d{4}-\d\d$/)
  const lark = await llm.generate('A', { ...sampled, responseFormat: { type: 'lark', grammar: 'start: "a" | "b"\n' } })
  t.match(lark.text, /^[ab]$/)
  // From llama.cpp's guide to GBNF, and a rule that leads to itself behind reasoning.
  const chess = 'root ::= (\n "1. " move " " move "\\n"\n)\nmove ::= [a-h] [1-8] [+#]? # a pawn'
  const gbnf = await llm.generate('A', { ...sampled, responseFormat: { type: 'gbnf', grammar: chess } })
  t.match(gbnf.text, /^1\. [a-h][1-8][+#]? [a-h][1-8][+#]?\n$/)
  const nested: ResponseFormat = { type: 'gbnf', grammar: 'root ::= "(" (root | [0-9]{1,3}) ")"' }
  // Without the letter that the reasoning would begin with.
  const behind = { ...sampled, reasoningParser: 'think', badWordsIds: ['<'], responseFormat: nested } as const
  const { text, finishReason } = await llm.generate('A', { ...behind, maxNewTokens: 400 })
  const [, open = '', close = ''] = /^(\(+)\d{1,3}(\)+)$/.exec(text) ?? []
  t.match({ finishReason, close: close.length }, { finishReason: 'stop', close: open.length }, text)
})

t.test("the schema's own validation gives the value, or refuses it", { skip }, async (t) => {
  const { value, text } = await llm.generate('A person:', {
    ...sampled,
    responseFormat: { type: 'json_schema', schema: upper() },
  })
  t.same(value, { name: JSON.parse(text).name.toUpperCase() })
  const refused = llm.generate('A person:', {
    ...sampled,
    responseFormat: { type: 'json_schema', schema: upper(true) },
  })
  await t.rejects(refused, { code: 'ERR_INVALID_VALUE', message: /name: is wrong/ })
})

t.test('an answer that is cut has no value, and says so', { skip }, async (t) => {
  const cut = await llm.generate('A person:', {
    ...sampled,
    maxNewTokens: 2,
    responseFormat: { type: 'json_schema', schema },
  })
  t.match(cut, { finishReason: 'length', value: undefined })
})

t.test('reasoning is free, and the answer behind it is not', { skip }, async (t) => {
  // A prompt that has opened the reasoning; a model with random weights never ends it by itself.
  const messages = [{ role: 'user', content: 'Hi' }]
  const template = "{{ messages[0].content }}{{ '<think>\\n' if add_generation_prompt }}{% if '</think>' %}{% endif %}"
  const { text, reasoningText } = await llm.generate(messages, {
    ...sampled,
    chatTemplate: template,
    responseFormat: { type: 'choice', choices: ['yes', 'no'] },
  })
  t.match(text, /^(yes|no)?$/)
  t.not(reasoningText, '')
})

t.test('what is not supported is ERR_GRAMMAR', { skip }, async (t) => {
  const not = llm.generate('x', { responseFormat: { type: 'json_schema', schema: { not: { type: 'string' } } } })
  await t.rejects(not, { code: 'ERR_GRAMMAR', message: /^responseFormat\.schema: a keyword .* at #\/[^ ]*not$/ })
  const two = llm.generate('x', { responseFormat: { type: 'json_schema', schema: { minProperties: 2 } } })
  await t.rejects(two, { code: 'ERR_GRAMMAR', message: /^minProperties at #/ })
})

t.test('misuse is a TypeError', async (t) => {
  t.throws(() => llm.stream('x', { responseFormat: { type: 'xml' } as never }), { name: 'TypeError' })
  const both = () =>
    llm.stream([{ role: 'user', content: 'x' }], { tools: [{ name: 'a' }], responseFormat: { type: 'json' } })
  t.throws(both, { name: 'TypeError', message: /responseFormat or tools/ })
})

// Compiled, not run: without a format that has values there is no `value`.
async function misuse(): Promise<void> {
  // @ts-expect-error no format
  ;(await llm.generate('x')).value
  // @ts-expect-error a regular expression has no value
  ;(await llm.generate('x', { responseFormat: { type: 'regex', pattern: 'x' } })).value
  const { value } = await llm.generate('x', { responseFormat: { type: 'json_schema', schema: upper() } })
  value?.name.trim()
  // @ts-expect-error the output type has no such field
  value?.colour
  const choice = await llm.generate('x', { responseFormat: { type: 'choice', choices: ['a', 'b'] } })
  // @ts-expect-error none of the choices
  choice.value === 'c'
}
t.type(misuse, 'function')

t.test('beams follow a format: the answers that it has, the most likely first', { skip }, async (t) => {
  const choices = ['red', 'green', 'blue']
  const beams: GenerationOptions = { numBeams: 4, temperature: 0, maxNewTokens: 40 }
  const found = await llm.generate('A colour:', {
    ...beams,
    numReturnSequences: 3,
    responseFormat: { type: 'choice', choices },
  })
  t.same(found.answers.map(({ text }) => text).sort(), [...choices].sort())
  const scores = found.answers.map(({ score }) => score ?? Number.NaN)
  t.same(
    scores,
    [...scores].sort((a, b) => b - a),
  )
  const person = await llm.generate('A person:', { ...beams, responseFormat: { type: 'json_schema', schema } })
  t.match(person.value, { name: /^.{0,6}$/u, colour: /^(red|green)$/ })
  t.equal(person.finishReason, 'stop')
})
