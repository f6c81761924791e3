import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ChatOptions } from '#lib/options/encode.js'
import { PromptEncoder } from '#lib/text/prompt/encoder.js'
import { ChatTemplate } from '#lib/text/template/chat-template.js'
import type { ChatMessage } from '#lib/text/template/messages.js'
import { Tokenizer } from '#lib/text/tokenizer/tokenizer.js'
import { templateVectors, tokenizerVectors } from '../sources.js'

let renders = 0
const { render } = ChatTemplate.prototype
ChatTemplate.prototype.render = function (...variables) {
  renders++
  return render.apply(this, variables)
}

/** Encodes chats, and says how often the template was rendered and which roles it left out. */
function encoder(t: Test, template: string) {
  const tokenizerPath = join(t.testdir(), 'tokenizer.json')
  writeFileSync(tokenizerPath, JSON.stringify(tokenizerVectors[0]!.tokenizer))
  const source = {
    tokenizerPath,
    tokenizerConfig: {},
    templates: { default: templateVectors[template]![0]!.source },
    templateFile: '',
    chatsNeedBos: false,
  }
  const made = new PromptEncoder(source, new Tokenizer(tokenizerPath, {}))
  return (messages: ChatMessage[], options: ChatOptions = {}): [number, string[], string] => {
    renders = 0
    const { ignoredRoles, text } = made.encodeChat(messages, options)
    return [renders, ignoredRoles, text]
  }
}

const chat = (...contents: string[]): ChatMessage[] =>
  contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }))

t.test('a chat whose texts all stand in the prompt is rendered once', async (t) => {
  const encode = encoder(t, 'chatml')
  t.match(encode(chat('What is the weather like?', 'It is raining.', 'And tomorrow, please?')), [1, []])
})

t.test('short texts: twice, and once when there was a chat of this shape', async (t) => {
  const encode = encoder(t, 'chatml')
  t.match(encode(chat('Hi', 'Hello', 'Why?')), [2, []])
  t.match(encode(chat('No', 'Yes', 'Really?')), [1, []])
  t.match(encode(chat('No', 'Yes', 'Really?', 'Yes', 'So?')), [2, []], 'one turn more')
  t.match(encode(chat('No', 'Yes', 'Really?'), { chatTemplateKwargs: { x: 1 } }), [2, []], 'another variable')
  t.match(encode(chat('No', 'Yes', 'Really?'), { addGenerationPrompt: false }), [2, []])
  t.match(encode(chat('No', 'Yes'), { continueFinalMessage: true }), [2, []])
  t.match(encode(chat('Da', 'Nyet'), { continueFinalMessage: true }), [1, []])
})

t.test('messages that the template drops: no more, however many there are', async (t) => {
  const encode = encoder(t, 'phi-3')
  const dropped: ChatMessage[] = Array.from({ length: 40 }, (_, i) => ({ role: 'system', content: `Rule ${i}` }))
  t.match(encode([...dropped, ...chat('Hi')]), [2, ['system']])
  t.match(encode([...dropped, ...chat('Ho')]), [1, ['system']])
  const rules = dropped.map(({ content }) => content).join('\n\n')
  for (const most of [4, 2]) {
    const [count, ignored, text] = encode([...dropped, ...chat('Hi')], { systemFallback: 'merge-user' })
    t.ok(count <= most, `${count} renderings`)
    t.same(ignored, [])
    t.match(text, `<|user|>\n${rules}\n\nHi<|end|>`)
  }
})

t.test('system messages that the template refuses', async (t) => {
  const encode = encoder(t, 'gemma')
  const [, ignored, text] = encode([{ role: 'system', content: 'Be brief.' }, ...chat('Hi')], {
    systemFallback: 'merge-user',
  })
  t.same(ignored, [])
  t.match(text, 'Be brief.\n\nHi')
})

t.test('contents in parts', async (t) => {
  for (const template of ['parts', 'phi-3']) {
    const encode = encoder(t, template)
    const parts = (text: string): ChatMessage[] => [{ role: 'user', content: [{ type: 'text', text }] }]
    t.match(encode(parts('What is the weather like?')), [3, []], template)
    t.match(encode(parts('And what will it be like?')), [1, []], template)
  }
})
