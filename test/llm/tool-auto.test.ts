import { Ajv } from 'ajv'
import t from 'tap'
import type { GenerationOptions, GenerationResult } from '#lib/index.js'
import { skipWithoutGrammars as skip } from './constrained.js'
import { loadTiny } from './fixtures.js'

const weather = {
  type: 'object',
  properties: { city: { type: 'string', maxLength: 6 }, days: { type: 'array', items: { enum: [1, 2] }, maxItems: 2 } },
  required: ['city', 'days'],
}
const parameters: Record<string, object> = {
  weather,
  noon: { type: 'object', properties: {}, additionalProperties: false },
}
const tools = [{ name: 'weather', parameters: weather }, { name: 'noon' }]
const messages = [{ role: 'user', content: 'Hi' }]

/** What begins a call in each family. */
const triggers = {
  hermes: '<tool_call>',
  llama3: '{"name": "weather"',
  mistral: '[TOOL_CALLS]',
  'phi4-mini': 'functools[',
  granite: '<|tool_call|>',
  harmony: '<|channel|>commentary to=',
  'qwen3-coder': '<tool_call>',
  lfm2: '<|tool_call_start|>',
  gemma: '<|tool_call>',
} as const
const families = Object.keys(triggers) as (keyof typeof triggers)[]

const opened = loadTiny()
t.teardown(async () => (await opened).close())

const sampled: GenerationOptions = {
  tools,
  temperature: 1,
  topK: 0,
  maxNewTokens: 150,
  chatTemplate: '{{ messages[0].content }}',
}

/** A random model that begins a call wherever it may. */
async function calling(trigger: string, options: GenerationOptions): Promise<GenerationResult> {
  const llm = await opened
  const { tokens } = await llm.tokenize(trigger)
  const logitBias = Array.from(tokens, (_, i) => [[...tokens.slice(0, i + 1)], 50 * (i + 1)] as const)
  return llm.generate(messages, { ...sampled, logitBias, ...options })
}

t.test('what begins as a call becomes one, with arguments that obey', { skip }, async (t) => {
  const ajv = new Ajv()
  for (const toolCallParser of families) {
    const answers = await Promise.all(
      [1, 2, 3].map((seed) => calling(triggers[toolCallParser], { toolCallParser, seed })),
    )
    let calls = 0
    for (const { toolCalls } of answers) {
      for (const call of toolCalls) {
        calls++
        t.ok(ajv.validate(parameters[call.name] ?? false, call.arguments), `${toolCallParser} ${JSON.stringify(call)}`)
      }
    }
    t.ok(calls > 2, toolCallParser)
  }
})

t.test('one call and no more', { skip }, async (t) => {
  for (const toolCallParser of families) {
    const options = { toolCallParser, parallelToolCalls: false, seed: 1, maxNewTokens: 400 }
    const { toolCalls, finishReason } = await calling(triggers[toolCallParser], options)
    t.match({ toolCalls, finishReason }, { toolCalls: [{ name: String }], finishReason: 'tool-calls' }, toolCallParser)
    t.equal(toolCalls.length, 1, toolCallParser)
  }
})

t.test('free text is what it is without tools', { skip }, async (t) => {
  const llm = await opened
  for (const seed of [1, 2]) {
    const free = await llm.generate(messages, { ...sampled, seed, toolChoice: 'none', toolCallParser: 'hermes' })
    for (const toolCallParser of families) {
      const { tokens } = await llm.generate(messages, { ...sampled, seed, toolCallParser })
      t.same(tokens, free.tokens, toolCallParser)
    }
  }
})

t.test('nothing in the reasoning is a call', { skip }, async (t) => {
  const chatTemplate = "{{ messages[0].content }}{{ '<think>' if add_generation_prompt }}{% if '</think>' %}{% endif %}"
  const options: GenerationOptions = { toolCallParser: 'hermes', chatTemplate, seed: 1, maxNewTokens: 40 }
  const { toolCalls, reasoningText } = await calling(triggers.hermes, options)
  t.same(toolCalls, [])
  t.match(reasoningText, /<tool_call>.*<tool_call>/s)
})
