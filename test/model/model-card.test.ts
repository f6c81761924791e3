import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readModelCard } from '#lib/model/model-card.js'

/** What a card with this text gives. */
function read(t: Pick<Test, 'testdir'>, text: string) {
  const folder = t.testdir({})
  writeFileSync(join(folder, 'README.md'), text)
  return readModelCard(folder)
}

// The keys of Phi-3's cards.
const phi3 = `---
license: mit
language:
- en
tags:
- nlp
inference:
  parameters:
    temperature: 0.7
widget:
  - messages:
      - role: user
        content: Hi
---

inference:
`

t.test('inference.parameters of the front matter', async (t) => {
  t.strictSame(await read(t, phi3), { source: 'README.md', options: { temperature: 0.7 }, unsupported: [] })
  t.match(await read(t, phi3.replaceAll('\n', '\r\n')), { options: { temperature: 0.7 } })
  t.match(await read(t, `\ufeff${phi3}`), { options: { temperature: 0.7 } })
  t.match(
    await read(t, '---\ninference:\n  # warm\n  parameters: {max_new_tokens: 64, top_p: 0.9, penalty_alpha: 2}\n---\n'),
    {
      options: { maxNewTokens: 64, topP: 0.9 },
      unsupported: ['penalty_alpha 2'],
    },
  )
})

t.test('cards that give none', async (t) => {
  t.equal(await readModelCard(t.testdir({})), undefined)
  for (const text of [
    '',
    '# Title\n---\ninference:\n  parameters:\n    temperature: 2\n---\n',
    '---\nlicense: mit\n---\ninference:\n  parameters:\n    temperature: 2\n',
    '---\ninference:\n  parameters:\n    temperature: 2\n',
    '---\ninference: false\n---\n',
    '---\ninference:\n---\n',
    '---\ninference: {}\n---\n',
    '---\nother:\n  inference:\n    parameters:\n      temperature: 2\n---\n',
  ])
    t.equal(await read(t, text), undefined, JSON.stringify(text))
})

t.test('what is wrong with a card names the file and the field', async (t) => {
  const bomb = `inference:\n  a: &a [1, 1]\n  b: [*a, *a]\n`
  for (const [matter, message] of [
    [
      'inference:\n  parameters:\n    temperature: hot\n',
      /README\.md: expected "inference\.parameters\.temperature" to be/,
    ],
    ['inference:\n  parameters: 5\n', /README\.md: expected "inference\.parameters" to be an object/],
    ['inference:\n  parameters: [\n', /README\.md: expected YAML in "inference"/],
    ['inference:\n  a: 1\n  a: 2\n', /YAML .*unique/],
    [bomb, /YAML .*Alias/],
    [`inference: ${'['.repeat(4000)}\n`, /YAML/],
    [`inference:\n  note: ${'x'.repeat(5000)}\n`, /at most 4096 characters, found 5\d+/],
  ] as const)
    await t.rejects(read(t, `---\n${matter}---\n`), { code: 'ERR_MODEL_INVALID', message })
  const folder = t.testdir({})
  mkdirSync(join(folder, 'README.md'))
  await t.rejects(readModelCard(folder), { code: 'ERR_MODEL_INVALID', message: /regular file/ })
})

t.test('long front matter costs little', async (t) => {
  const results = '  - {name: x, value: 1}\n'.repeat(30_000)
  t.match(await read(t, `---\nresults:\n${results}inference:\n  parameters:\n    temperature: 0.5\n---\n`), {
    options: { temperature: 0.5 },
  })
})
