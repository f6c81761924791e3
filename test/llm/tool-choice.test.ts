import { Ajv } from 'ajv'
import t from 'tap'
import type { GenerationOptions } from '#lib/index.js'
import { mistralCalls } from '#lib/output/formats/call-grammar.js'
import { openConstrained, skipWithoutGrammars as skip } from './constrained.js'
import { loadTiny, tiny } from './fixtures.js'

const weather = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 6 }, days: { $ref: '#/$defs/days' } },
  required: ['city', 'days'],
  $defs: { days: { type: 'array', items: { enum: [1, 2] }, maxItems: 2 } },
}
const light = { type: 'object', properties: { on: { type: 'boolean' } }, required: ['on'], additionalProperties: false }
const parameters: Record<string, object> = {
  weather,
  'weather.of-tomorrow': light,
  noon: { type: 'object', properties: {}, additionalProperties: false },
}
const tools = [
  { name: 'weather', parameters: weather },
  { name: 'weather.of-tomorrow', parameters: light },
  { name: 'noon' },
]
const messages = [{ role: 'user', content: 'Hi' }]
const families = [
  'hermes',
  'llama3',
  'mistral',
  'phi4-mini',
  'granite',
  'harmony',
  'qwen3-coder',
  'lfm2',
  'gemma',
] as const

const sampled: GenerationOptions = {
  tools,
  temperature: 1,
  topK: 0,
  maxNewTokens: 250,
  toolChoice: 'required',
  chatTemplate: '{{ messages[0].content }}',
}

const opened = loadTiny()
t.teardown(async () => (await opened).close())
const ask = async (options: GenerationOptions) => await (await opened).generate(messages, options)

t.test('what must be called is called, with arguments that obey', { skip }, async (t) => {
  const ajv = new Ajv()
  const names = new Set<string>()
  for (const toolCallParser of families) {
    const seeds = [1, 2, 3, 4]
    const answers = await Promise.all(seeds.map((seed) => ask({ ...sampled, toolCallParser, seed })))
    let ended = 0
    for (const { toolCalls, finishReason, text } of answers) {
      // A random model may go on calling, or thinking, until its tokens are used up.
      if (finishReason === 'length') continue
      ended++
      t.equal(finishReason, 'tool-calls', toolCallParser)
      t.equal(text, '', toolCallParser)
      for (const call of toolCalls) {
        names.add(call.name)
        t.ok(ajv.validate(parameters[call.name] ?? false, call.arguments), `${toolCallParser} ${JSON.stringify(call)}`)
      }
    }
    t.ok(ended > 0, toolCallParser)
  }
  t.same([...names].sort(), Object.keys(parameters).sort())
})

t.test('one call of one tool', { skip }, async (t) => {
  for (const toolCallParser of families) {
    const one: GenerationOptions = {
      ...sampled,
      toolCallParser,
      parallelToolCalls: false,
      toolChoice: { name: 'weather.of-tomorrow' },
    }
    const answers = await Promise.all([1, 2, 3].map((seed) => ask({ ...one, seed })))
    for (const { toolCalls, finishReason } of answers) {
      if (toolCallParser === 'harmony' && finishReason === 'length') continue
      t.match({ finishReason, toolCalls }, { finishReason: 'tool-calls', toolCalls: [{ name: 'weather.of-tomorrow' }] })
      t.equal(toolCalls.length, 1, toolCallParser)
    }
  }
})

t.test('several calls where they are allowed', { skip }, async (t) => {
  // Tokens that end an answer are banned, so that only calls can follow a call.
  const many = { ...sampled, toolChoice: { name: 'noon' }, maxNewTokens: 100, minNewTokens: 100 }
  for (const toolCallParser of ['hermes', 'gemma'] as const) {
    const { toolCalls } = await ask({ ...many, toolCallParser })
    t.ok(toolCalls.length > 1, toolCallParser)
  }
})

t.test('Mistral: a name before the arguments, where the model has a mark between them', { skip }, async (t) => {
  const model = await openConstrained(tiny('tiny-llama-fp32'))
  t.teardown(() => model.close())
  const wanted = {
    tools,
    parallel: false,
    inText: false,
    mark: (mark: string) => JSON.stringify(mark),
    isSpecial: () => true,
  }
  const source = `start: answer\n${mistralCalls(wanted).rules.join('\n')}\n`
  for (const seed of [1, 2, 3]) {
    const { text } = await model.answer({ kind: 'lark', source }, { seed })
    const [, name = '', given = ''] = /^\[TOOL_CALLS\]([\w.-]+?)(?:\[CALL_ID\]\w{9})?\[ARGS\](.*)$/.exec(text) ?? []
    t.ok(new Ajv().validate(parameters[name] ?? false, JSON.parse(given)), text)
  }
})

t.test('strict: false lets arguments be any object, of a schema that is refused too', { skip }, async (t) => {
  const refused = { type: 'object', properties: { a: { not: { type: 'null' } } }, minProperties: 1 }
  for (const toolCallParser of families) {
    const options: GenerationOptions = { ...sampled, toolCallParser, parallelToolCalls: false, maxNewTokens: 400 }
    const loose = { name: 'b', parameters: refused, strict: false }
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => ask({ ...options, tools: [loose], seed })))
    const called = answers.filter(({ finishReason }) => finishReason === 'tool-calls')
    t.ok(called.length > 0, toolCallParser)
    for (const { toolCalls } of called) {
      t.match(toolCalls, [{ name: 'b', arguments: Object }], toolCallParser)
      t.equal(toolCalls.length, 1)
    }
    await t.rejects(ask({ ...options, tools: [{ ...loose, strict: true }] }), { code: 'ERR_GRAMMAR' }, toolCallParser)
  }
})

t.test('reasoning is free, and only calls stand behind it', { skip }, async (t) => {
  const chatTemplate =
    "{{ messages[0].content }}{{ '<think>\\n' if add_generation_prompt }}{% if '</think>' %}{% endif %}"
  const { reasoningText, text } = await ask({ ...sampled, toolCallParser: 'hermes', chatTemplate, maxNewTokens: 30 })
  t.not(reasoningText, '')
  t.equal(text, '')
})

t.test('what cannot be required is a TypeError', async (t) => {
  const llm = await opened
  const wrong = (options: GenerationOptions, message: RegExp) =>
    t.throws(() => llm.stream(messages, { ...sampled, ...options }), { name: 'TypeError', message } as never)
  wrong({ toolChoice: { name: 'x' } }, /toolChoice.name to be 'weather' or .*, received 'x'/)
  wrong({ tools: [] }, /expected tools with a toolChoice/)
  wrong({ tools: undefined, toolChoice: { name: 'x' } }, /expected tools with a toolChoice/)
  wrong({ toolChoice: 'any' as never }, /expected toolChoice to be 'auto' or 'none' or 'required' or \{ name/)
  wrong({ toolChoice: { name: 'noon', extra: 1 } as never }, /expected toolChoice/)
  const text = [{ name: 'a', parameters: { type: 'string' } }]
  const hostile = [{ name: 'a', parameters: { properties: null, required: 5 } }]
  if (!skip) {
    await t.rejects(ask({ ...sampled, toolCallParser: 'hermes', tools: hostile }), { code: 'ERR_GRAMMAR' })
    const unknown = [...tools, { name: 'b', parameters: { properties: { not: { items: { not: {} } } } } }]
    for (const toolChoice of ['auto', 'required'] as const) {
      await t.rejects(ask({ ...sampled, toolCallParser: 'hermes', tools: unknown, toolChoice }), {
        code: 'ERR_GRAMMAR',
        message: 'parameters of the tool b: a keyword that is not supported stands at #/properties/not/items/not',
      })
    }
  }
  const many = [{ name: 'a', parameters: { minProperties: 2 } }]
  await t.rejects(ask({ ...sampled, toolCallParser: 'hermes', tools: many }), {
    code: 'ERR_GRAMMAR',
    message: /minProp/,
  })
  await t.rejects(ask({ ...sampled, toolCallParser: 'hermes', tools: text }), { name: 'TypeError', message: /tool a/ })
})

t.test('beams call, too', { skip }, async (t) => {
  const beams: GenerationOptions = { numBeams: 3, temperature: 0, parallelToolCalls: false, maxNewTokens: 400 }
  const one = { ...sampled, ...beams, toolCallParser: 'hermes', toolChoice: { name: 'weather.of-tomorrow' } } as const
  const { toolCalls, finishReason } = await ask(one)
  t.equal(finishReason, 'tool-calls')
  t.match(toolCalls, [{ name: 'weather.of-tomorrow', arguments: { on: Boolean } }])
})
