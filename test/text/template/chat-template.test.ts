import t from 'tap'
import { ChatTemplate } from '#lib/text/template/chat-template.js'
import { Conversation } from '#lib/text/template/conversation.js'
import type { ChatMessage } from '#lib/text/template/messages.js'
import { strftime } from '#lib/text/template/strftime.js'
import { TemplateProbe } from '#lib/text/template/template-probe.js'
import { templateVectors } from '../sources.js'

const special = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', pad_token: '<pad>' }
const base = { ...special, tools: null, documents: null, add_generation_prompt: false }

function conversation(source: string, messages: unknown, options: Record<string, unknown> = {}): Conversation {
  const { continue_final_message: continueFinalMessage = false, ...variables } = options
  return new Conversation(
    new TemplateProbe(new ChatTemplate(source, 'folder/template')),
    messages,
    { ...base, ...variables },
    { continueFinalMessage: continueFinalMessage === true },
  )
}

for (const [name, groups] of Object.entries(templateVectors)) {
  t.test(`${name}: as transformers`, async (t) => {
    for (const { source, cases } of groups) {
      for (const { chat, messages, options, text, error } of cases) {
        const label = `${chat} ${JSON.stringify(options).slice(0, 60)}`
        const render = (): string => {
          const made = conversation(source, messages, options)
          return made.render(made.messages)
        }
        if (text !== undefined) t.equal(render(), text, label)
        // Where the template does not show the last message the words are our own.
        else
          t.throws(
            render,
            {
              code: 'ERR_TEMPLATE',
              message: error!.startsWith('continue') ? /continueFinalMessage/ : new RegExp(error!),
            },
            label,
          )
      }
    }
  })
}

const sourceOf = (name: string): string => templateVectors[name]![0]!.source
const chat: ChatMessage[] = [
  { role: 'system', content: 'Be brief, please.' },
  { role: 'user', content: 'What is the weather like?' },
]

t.test('messages that the template drops', async (t) => {
  const roles = (source: string, messages: ChatMessage[]): string[] => {
    const made = conversation(source, messages)
    return made.ignored(made.messages, made.render(made.messages)).map((message) => message.role)
  }
  t.same(roles(sourceOf('phi-3'), chat), ['system'])
  t.same(roles(sourceOf('chatml'), chat), [])
  t.same(roles(sourceOf('llama-3'), chat), [])
  t.same(
    roles(sourceOf('phi-3'), [{ role: 'system', content: 'user' }, chat[1]!]),
    ['system'],
    'though the word stands there by chance',
  )
  t.same(roles(sourceOf('phi-3'), [{ role: 'system', content: ' ' }, chat[1]!]), [], 'nothing to drop')
  t.same(roles(sourceOf('phi-3'), [chat[1]!, { role: 'tool', content: 'a result that is long' }, chat[0]!]), [
    'tool',
    'system',
  ])
  t.same(roles('{% for m in messages %}{{ m.content | upper }}{% endfor %}', chat), [], 'changed is not dropped')
})

t.test('merging system messages into the user turn', async (t) => {
  const merged = (source: string, messages: ChatMessage[]): string => {
    const made = conversation(source, messages)
    made.mergeSystemMessages()
    return made.render(made.messages)
  }
  const joined: ChatMessage[] = [{ role: 'user', content: 'Be brief, please.\n\nWhat is the weather like?' }]
  const plain = (source: string, messages: ChatMessage[]): string => conversation(source, messages).render(messages)
  t.equal(merged(sourceOf('phi-3'), chat), plain(sourceOf('phi-3'), joined), 'dropped')
  t.equal(merged(sourceOf('gemma'), chat), plain(sourceOf('gemma'), joined), 'refused')
  t.equal(merged(sourceOf('chatml'), chat), plain(sourceOf('chatml'), chat), 'understood: not merged')
  t.equal(
    merged(sourceOf('phi-3'), [chat[1]!, chat[0]!]),
    plain(sourceOf('phi-3'), [chat[1]!, { ...chat[0]!, role: 'user' }]),
    'nothing follows: a user turn of its own',
  )
  t.throws(
    () =>
      merged(sourceOf('gemma').replaceAll('System role not supported', 'no'), [chat[1]!]) &&
      plain(sourceOf('gemma'), chat),
    { code: 'ERR_TEMPLATE' },
  )
})

t.test('contents in parts', async (t) => {
  const parts: ChatMessage[] = [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Hello ' },
        { type: 'text', text: 'you there' },
      ],
    },
  ]
  const render = (source: string): string => {
    const made = conversation(source, parts)
    return made.render(made.messages)
  }
  t.equal(render(sourceOf('parts')), '[user]Hello |you there')
  t.equal(render(sourceOf('phi-3')), '<|user|>\nHello you there<|end|>\n<|assistant|>\n')
  t.equal(
    render('{% for m in messages %}{{ m.content }}{% endfor %}'),
    'Hello you there',
    'a list is not printed as one',
  )
  t.equal(
    render('{% for m in messages %}{% for p in m.content %}({{ p.text }}){% endfor %}{% endfor %}'),
    '(Hello )(you there)',
  )
})

t.test('templates that fail', async (t) => {
  const file = 'folder/template'
  for (const source of [
    '{% if %}',
    '{{ a',
    '{% for x in y %}',
    '{{ a b }}',
    '{% nonsense %}',
    '{{ "a }}',
    '{% if true %}',
  ]) {
    t.throws(
      () => new ChatTemplate(source, file),
      { code: 'ERR_TEMPLATE', message: /^folder\/template: the chat template is not valid: ./ },
      source,
    )
  }
  const render = (source: string) => () => new ChatTemplate(source, file).render({ messages: chat })
  t.throws(render('{{ raise_exception("only cats, please") }}'), {
    code: 'ERR_TEMPLATE',
    message: /folder\/template.*refused.*only cats, please/,
  })
  t.throws(render('{{ missing.field.other }}'), { code: 'ERR_TEMPLATE', message: /folder\/template/ })
  t.throws(render('{{ messages | nonsense }}'), { code: 'ERR_TEMPLATE', message: /nonsense/ })
  t.throws(render('{% for i in range(1000000000) %}{% endfor %}'), {
    code: 'ERR_TEMPLATE',
    message: /range\(\) of 1000000000/,
  })
  t.throws(
    render('{% set ns = namespace(x="aaaaaaaa") %}{% for i in range(64) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}'),
    { code: 'ERR_TEXT_MEMORY', message: /folder\/template.*characters/ },
  )
  t.throws(
    render('{% set ns = namespace(x=[1, 2]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}'),
    { code: 'ERR_TEXT_MEMORY', message: /list/ },
  )
  t.throws(
    render(`${'{% if true %}'.repeat(20_000)}${'{% endif %}'.repeat(20_000)}`),
    { code: 'ERR_TEMPLATE' },
    'deep nesting',
  )
  t.equal(
    render('{{ messages.constructor }}{{ messages[0].__proto__ }}{{ "".constructor }}{{ range.constructor }}')(),
    '',
    'no way out',
  )
})

t.test('messages that are none', async (t) => {
  const bad: [unknown, RegExp][] = [
    [[], /at least one/],
    ['hi', /array/],
    [[null], /messages\[0\]: expected an object, received null/],
    [[{ role: 1 }], /messages\[0\].role.*received 1 of type number/],
    [[{ role: 'user', content: 5 }], /messages\[0\].content/],
    [[{ role: 'user', content: [{ type: 'image' }] }], /messages\[0\].content\[0\].*image/],
  ]
  for (const [messages, message] of bad) t.throws(() => conversation('', messages), { name: 'TypeError', message })
  t.throws(() => conversation('', chat, { continue_final_message: true }), { name: 'TypeError', message: /assistant/ })
})

// Written down from Python's datetime.strftime.
t.test('strftime', async (t) => {
  const date = new Date(2024, 6, 6, 15, 4, 9, 12)
  t.equal(
    strftime(date, '%d %b %Y|%B %-d, %y|%A %a|%H:%M:%S.%f|%I %p|%j %U %W %w %u|%e|%%|%F %T %D|%c|%Q'),
    '06 Jul 2024|July 6, 24|Saturday Sat|15:04:09.012000|03 PM|188 26 27 6 6| 6|%|2024-07-06 15:04:09 07/06/24|Sat Jul  6 15:04:09 2024|%Q',
  )
})
