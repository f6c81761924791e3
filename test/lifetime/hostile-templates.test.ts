import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { tiny } from '../llm/fixtures.js'

t.test('a template that loops, throws or allocates fails its request, the others go on', async (t) => {
  const templates: [string, string, RegExp][] = [
    [
      '{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}',
      'ERR_TEXT_TIMEOUT',
      /chat_template\.jinja/,
    ],
    ['{{ raise_exception("roles must alternate") }}', 'ERR_TEMPLATE', /roles must alternate/],
    ['{% if %}', 'ERR_TEMPLATE', /chat_template\.jinja/],
    [
      '{% set x = namespace(s="aaaaaaaaaaaaaaaa") %}{% for i in range(60) %}{% set x.s = x.s + x.s %}{% endfor %}{{ x.s }}',
      '',
      /chat_template\.jinja/,
    ],
  ]
  for (const [template, code, message] of templates) {
    const folder = t.testdir()
    cpSync(tiny('tiny-llama'), folder, { recursive: true })
    writeFileSync(join(folder, 'chat_template.jinja'), template)
    await using llm = await LLM.load(folder)
    const chat = llm.generate([{ role: 'user', content: 'Hi' }], { maxNewTokens: 2 })
    const text = llm.generate('plain text', { maxNewTokens: 2, ignoreEos: true })
    const error = await chat.then(
      () => undefined,
      (reason) => reason,
    )
    t.match(error, { name: 'LLMError', message }, template.slice(0, 30))
    if (code !== '') t.equal(error.code, code)
    else t.match(error.code, /^ERR_TE(XT_MEMORY|MPLATE)$/)
    t.equal((await text).tokens.length, 2)
  }
})
