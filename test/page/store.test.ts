import fc from 'fast-check'
import t from 'tap'
import { type Chat, defaultSettings, newChat } from '#page/chats/chat.js'
import { asMarkdown, fileName } from '#page/chats/export.js'
import { readChat, readSettings } from '#page/chats/reading.js'
import { ChatStore } from '#page/chats/store.js'
import { MemoryShelf } from './shelf.js'

const chat: Chat = {
  ...newChat({ ...defaultSettings, system: 'Be brief.', temperature: 0, stop: 'a\nb' }),
  title: 'Weather: <Rome>',
  turns: [
    { role: 'user', text: 'How is it?' },
    {
      role: 'assistant',
      text: '',
      reasoning: 'I must\nlook.',
      toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Rome"}' }],
      model: 'm',
      json: false,
      finish: 'tool_calls',
    },
    { role: 'tool', callId: 'c1', text: '``` sunny' },
    {
      role: 'assistant',
      text: '{"sky":"blue"}',
      reasoning: '',
      toolCalls: [],
      model: 'm',
      json: true,
      finish: 'error',
      error: 'it broke',
      figures: { firstToken: 5, tokens: 6, promptTokens: 7, cachedTokens: 0, tokensPerSecond: 8.5 },
    },
  ],
}

t.test('what was kept is there again, the last used chat first', (t) => {
  const shelf = new MemoryShelf()
  const store = new ChatStore(shelf)
  const older = { ...newChat({ ...defaultSettings }), updated: 1 }
  store.save(older)
  store.save(chat)
  store.settings = chat.settings
  store.theme = 'dark'
  const again = new ChatStore(shelf)
  t.same(again.chats(), [chat, older])
  t.same(again.settings, chat.settings)
  t.equal(again.theme, 'dark')
  again.delete(chat.id)
  t.same(new ChatStore(shelf).chats(), [older])
  t.end()
})

t.test('hostile contents do not stop the page', (t) => {
  const shelf = new MemoryShelf()
  const store = new ChatStore(shelf)
  store.save(chat)
  const prefix = 'openvino-llm.chat.'
  const bad = ['', '{', 'null', '5', '[]', '{}', '{"id":"x"}', '{"id":"../x","turns":[]}', '{"id":5,"turns":[]}']
  for (const [i, text] of bad.entries()) shelf.setItem(`${prefix}${i}`, text)
  shelf.setItem(`${prefix}other`, JSON.stringify({ ...chat, id: 'another' }))
  shelf.setItem('someone else', 'x')
  shelf.setItem(
    'openvino-llm.settings',
    '{"temperature":"hot","format":"xml","reasoning":"much","system":5,"seed":7,"__proto__":{"a":1}}',
  )
  shelf.setItem('openvino-llm.theme', '"><script>')
  t.same(store.chats(), [chat])
  t.same(store.settings, { ...defaultSettings, seed: 7 })
  t.equal(store.theme, '')
  t.ok(shelf.entries.has('someone else'))
  t.end()
})

t.test('whatever was stored, a chat that is read has the types of a chat', (t) => {
  const anything = fc.oneof(fc.jsonValue(), fc.constantFrom('user', 'assistant', 'tool', null))
  const turn = fc.dictionary(fc.constantFrom('role', 'text', 'toolCalls', 'figures', 'error', 'finish'), anything)
  const stored = fc.record({
    id: fc.constant('a'),
    title: anything,
    updated: anything,
    settings: anything,
    turns: fc.array(turn),
  })
  fc.assert(
    fc.property(stored, (value) => {
      const read = readChat(value) as Chat
      // What was read once is read as the same again, and its text can be shown.
      t.strictSame(readChat(JSON.parse(JSON.stringify(read))), read)
      return typeof asMarkdown(read) === 'string' && read.turns.every(({ text }) => typeof text === 'string')
    }),
    { numRuns: 300 },
  )
  t.same(readSettings(undefined), defaultSettings)
  t.equal(readChat('x'), undefined)
  t.end()
})

t.test('a chat as Markdown', (t) => {
  t.equal(
    asMarkdown(chat),
    [
      '# Weather: <Rome>',
      '## System',
      'Be brief.',
      '## You',
      'How is it?',
      '## Assistant (m)',
      '> Reasoning',
      '> I must\n> look.',
      'Calls `weather`:',
      '```json\n{"city":"Rome"}\n```',
      '## Tool',
      '````\n``` sunny\n````',
      '## Assistant (m)',
      '```json\n{"sky":"blue"}\n```',
      'Failed: it broke\n',
    ].join('\n\n'),
  )
  t.equal(fileName(chat, 'md'), 'Weather Rome.md')
  t.equal(fileName({ ...chat, title: '../..' }, 'json'), 'chat.json')
  t.end()
})
