import t from 'tap'
import type { GenerationOptions } from '#lib/options/generation.js'
import { reasoningTable } from '#lib/options/reasoning.js'
import type { StreamPart } from '#lib/output/parts.js'
import { type ScriptedChat, scriptedChat } from './scripted-chat.js'

// Reduced from the templates of DeepSeek-R1 and Qwen3, with their markers.
const opens = "{{ messages[0].content }}<|Assistant|>{{ '<think>\\n' if add_generation_prompt }}"
const knows = "{% if '</think>' in messages[0].content %}{% endif %}{{ messages[0].content }}<|im_start|>assistant\n"
const messages = [{ role: 'user', content: 'Hi' }]

async function answered(chat: ScriptedChat) {
  const { stream, close } = await scriptedChat(chat)
  const parts: StreamPart[] = []
  for await (const part of stream) parts.push(part)
  const result = await stream.result
  await close()
  return { parts, result }
}

t.test('reasoning comes as parts of its own, and is no text anywhere', async (t) => {
  let heard = ''
  const { parts, result } = await answered({
    template: knows,
    messages,
    answer: ['<think>', '\nH', 'm.\n', '</think>', '\n\nYes', '.', '<end>'],
    special: ['<end>'],
    options: { onText: (text) => (heard += text) },
  })
  t.match(result, { text: 'Yes.', reasoningText: 'Hm.', finishReason: 'stop', toolCalls: [] })
  t.equal(heard, 'Yes.')
  t.equal(parts.map(({ text }) => text).join(''), 'Yes.')
  t.same(
    parts.flatMap((part) => part.tokens),
    [0, 1, 2, 3, 4, 5, 6],
  )
  t.same([...new Set(parts.map(({ type }) => type))], ['reasoning', 'text'])
  t.match(result.usage, { completionTokens: 7, reasoningTokens: 2 })
})

t.test('a prompt that opens the reasoning is known from its rendered text', async (t) => {
  const { result } = await answered({
    template: opens,
    messages,
    answer: ['Hm.', '</think>', 'Yes', '<end>'],
    special: ['<end>'],
  })
  t.match(result, { text: 'Yes', reasoningText: 'Hm.' })
})

t.test('the parser can be named, and switched off', async (t) => {
  const chat = {
    template: '{{ messages[0].content }}',
    messages,
    answer: ['<think>', 'a', '</think>', 'b', '<end>'],
    special: ['<end>'],
  }
  t.match((await answered(chat)).result, { text: '<think>a</think>b', reasoningText: '' })
  t.match((await answered({ ...chat, options: { reasoningParser: 'think' } })).result, {
    text: 'b',
    reasoningText: 'a',
  })
  t.match(
    (await answered({ ...chat, template: knows, options: { reasoningParser: 'none' } })).result.text,
    '<think>a</think>b',
  )
})

t.test('reasoning is switched off, or given a level, where the template has a switch', async (t) => {
  const template =
    '{{ messages[0].content }}{% if enable_thinking is defined %}[{{ enable_thinking }}]{% endif %}{{ reasoning_effort }}</think>'
  const rendered = async (reasoning: GenerationOptions['reasoning'], other = template) => {
    const { stream, rendered, close } = await scriptedChat({
      template: other,
      messages,
      answer: ['a', '<end>'],
      others: ['\n', '</think>'],
      options: { reasoning },
    })
    await stream.result.finally(close)
    return rendered()
  }
  t.equal(await rendered('auto'), 'Hi</think>')
  t.equal(await rendered('off'), 'Hi[False]</think>')
  t.equal(await rendered('low'), 'Hi[True]low</think>')
  t.equal(await rendered('off', '{{ messages[0].content }}'), 'Hi', 'a template without reasoning is off')
  await t.rejects(rendered('off', "{{ '<think>' }}"), { name: 'TypeError', message: /enable_thinking/ })
  await t.rejects(rendered('high', '{{ messages[0].content }}'), { name: 'TypeError', message: /reasoning_effort/ })
  t.equal(await rendered({ budget: 9 }), 'Hi[True]</think>')
})

t.test('a budget closes the reasoning, and the answer begins', async (t) => {
  const answer = ['Hm', ' hm', ' so', '</think>', 'Yes', '<end>']
  const chat = { template: opens, messages, answer, special: ['<end>'], others: ['\n'] }
  const { parts, result } = await answered({ ...chat, options: { reasoning: { budget: 2 }, maxNewTokens: 6 } })
  // Tokens are scripted by their places, and the three that are forced take the next three.
  t.match(result, { text: '', reasoningText: 'Hm hm', usage: { reasoningTokens: 2, completionTokens: 6 } })
  t.same(
    parts.flatMap((part) => part.tokens),
    [0, 1, 6, 3, 6, 6],
  )
  const none = await answered({ ...chat, options: { reasoning: { budget: 0 }, maxNewTokens: 5 } })
  t.match(none.result, { reasoningText: '', usage: { reasoningTokens: 0 }, text: 'Yes' })
  // Whoever ends before is not disturbed.
  const short = await answered({ ...chat, options: { reasoning: { budget: 3 } } })
  t.match(short.result, { reasoningText: 'Hm hm so', text: 'Yes', finishReason: 'stop', usage: { reasoningTokens: 3 } })
  const level = await answered({ ...chat, options: { reasoning: 'low' } })
  t.match(level.result, { reasoningText: 'Hm hm so', text: 'Yes' })
  for (const wrong of [{ budget: -1 }, { budget: 0.5 }, { budget: 1, x: 1 }, {}]) {
    t.notOk(reasoningTable.reasoning.accepts(wrong))
  }
  await t.rejects(answered({ ...chat, options: { reasoning: { budget: 2 }, reasoningParser: 'none' } }), {
    name: 'TypeError',
    message: /\{ budget \} cannot be had: .* reasoningParser/,
  })
})

t.test('harmony: a budget leads to the answer, with tools to calls too', async (t) => {
  const marks = ['<|start|>', '<|channel|>', '<|message|>', '<|end|>', '<end>']
  const template =
    '{{ messages[0].content }}{% if tools %}{{ tools[0].function.name }}{% endif %}{% if false %}<|channel|><|message|>{% endif %}'
  const answer = [
    '<|channel|>',
    'analysis',
    '<|message|>',
    'Hm',
    ' hm',
    ' hm',
    ' hm',
    ' hm',
    ' hm',
    ' hm',
    '42',
    '<end>',
  ]
  const others = ['<|start|>', '<|end|>', 'assistant', 'final', 'commentary']
  const chat = { template, messages, answer, special: marks, others }
  const plain = await answered({ ...chat, options: { reasoning: { budget: 1 } } })
  t.match(plain.result, { reasoningText: 'Hm', text: '42', finishReason: 'stop' })
  const tools = await answered({
    ...chat,
    options: { reasoning: { budget: 1 }, tools: [{ name: 'f' }], maxNewTokens: 8 },
  })
  t.same(
    tools.parts.flatMap((part) => part.tokens),
    [0, 1, 2, 3, 13, 12, 14, 0],
  )
})

t.test('a stop word ends the answer, not the reasoning', async (t) => {
  const { result } = await answered({
    template: knows,
    messages,
    answer: ['<think>', 'stop', '</think>', 'a', 'stop', 'b', '<end>'],
    special: ['<end>'],
    options: { stop: 'stop' },
  })
  t.match(result, { text: 'a', reasoningText: 'stop', stoppedBy: 'stop', tokens: [0, 1, 2, 3, 4] })
})

t.test('a filter sees text alone; what it holds stays behind, and what it stops never comes', async (t) => {
  const seen: string[] = []
  const chat = {
    template: knows,
    messages,
    answer: ['<think>', 'x', '</think>', 'a', 'b', '<end>'],
    special: ['<end>'],
  }
  const held = await answered({
    ...chat,
    options: {
      filter: (text, { done }) => {
        seen.push(text)
        return done ? undefined : { hold: 1 }
      },
    },
  })
  t.match(held.result, { text: 'ab', reasoningText: 'x', tokens: [0, 1, 2, 3, 4, 5] })
  t.equal(held.parts[0]?.type, 'reasoning')
  t.notMatch(seen.join(''), /x/)
  const stopped = await answered({
    ...chat,
    options: { filter: (text) => (text.includes('b') ? { stop: true } : undefined) },
  })
  t.match(stopped.result, { text: /^a?$/, reasoningText: 'x', finishReason: 'content-filter' })
})
