import t from 'tap'
import type { GenerationOptions } from '#lib/options/generation.js'
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
