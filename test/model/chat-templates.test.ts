import t from 'tap'
import { readFolder } from '#lib/model/folder.js'
import { modelFolder } from './model-folder.js'

const without = { 'chat_template.jinja': null }

t.test('chat_template.jinja wins over everything', async (t) => {
  const folder = modelFolder(t, {
    'chat_template.jinja': 'A',
    'chat_template.json': { chat_template: 'B' },
    'tokenizer_config.json': { chat_template: 'C' },
    'additional_chat_templates/rag.jinja': 'D',
    'additional_chat_templates/notes.txt': 'E',
  })
  t.strictSame({ ...(await readFolder(folder)).text.templates }, { default: 'A', rag: 'D' })
})

t.test('chat_template.json wins over tokenizer_config.json', async (t) => {
  const { text } = await readFolder(
    modelFolder(t, {
      ...without,
      'chat_template.json': { chat_template: 'B' },
      'tokenizer_config.json': { chat_template: 'C' },
    }),
  )
  t.strictSame({ ...text.templates }, { default: 'B' })
  t.match(text.templateFile, /chat_template\.json$/)
})

t.test('one template and a list of them in tokenizer_config.json', async (t) => {
  const read = async (chat_template: unknown) =>
    (await readFolder(modelFolder(t, { ...without, 'tokenizer_config.json': { chat_template } }))).text.templates
  t.strictSame({ ...(await read('C')) }, { default: 'C' })
  const list = [
    { name: 'default', template: 'D' },
    { name: 'tool_use', template: 'T' },
    { name: '__proto__', template: 'P' },
  ]
  const templates = await read(list)
  t.strictSame(Object.keys(templates), ['default', 'tool_use', '__proto__'])
  t.equal(templates.tool_use, 'T')
  for (const wrong of [
    5,
    {},
    [5],
    [{ name: 'x' }],
    [{ name: 1, template: 'x' }],
    Array(65).fill({ name: 'x', template: 'y' }),
  ])
    await t.rejects(read(wrong), {
      code: 'ERR_MODEL_INVALID',
      message: /tokenizer_config\.json: expected "chat_template" to be a string or an array/,
    })
})

t.test('too large, too many', async (t) => {
  const large = modelFolder(t, { 'chat_template.jinja': 'x'.repeat(4 * 1024 * 1024 + 1) })
  await t.rejects(readFolder(large), { code: 'ERR_MODEL_INVALID', message: /chat_template\.jinja: expected at most/ })
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`additional_chat_templates/${i}.jinja`, 'x']))
  await t.rejects(readFolder(modelFolder(t, many)), {
    code: 'ERR_MODEL_INVALID',
    message: /expected at most 64 templates, found 65/,
  })
})
