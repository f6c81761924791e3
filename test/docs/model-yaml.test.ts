import t from 'tap'
import { LLMError } from '#lib/errors.js'
import { keys } from '#lib/model-yaml/keys.js'
import { readModelYaml } from '#lib/model-yaml/read.js'
import { readPage } from './markdown.js'

/** The rows of the table of keys: keys, example, what becomes of it. */
const rows = readPage('docs/model-yaml.md').prose.flatMap((line) => {
  const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
  if (cells.length !== 5 || !cells[1]?.startsWith('`')) return []
  const names = [...(cells[1] as string).matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
  return [{ names, example: (cells[2] as string).slice(1, -1), becomes: cells[3] as string }]
})

t.test('the table has a row for every key, and no other', async (t) => {
  t.strictSame(rows.flatMap(({ names }) => names).sort(), Object.keys(keys).sort())
})

t.test('each example gives what its row says', async (t) => {
  const file = 'model.yaml'
  for (const { names, example, becomes } of rows) {
    for (const pattern of names) {
      const key = pattern.replace('*', 'x')
      const read = readModelYaml(textWith(key, example), { file, network: true })
      if (becomes.startsWith('refused')) {
        await t.rejects(read, { code: 'ERR_UNSUPPORTED_MODEL' }, key)
        continue
      }
      const yaml = await read.catch((error: LLMError) => error)
      if (yaml instanceof LLMError) {
        t.fail(`${key}: ${yaml.message}`)
        continue
      }
      const [, where, json] = /^(request|load): `(\{.*?\})`/.exec(becomes) ?? []
      const expected = json === undefined ? {} : JSON.parse(json)
      t.strictSame(yaml.defaults, where === 'request' ? expected : {}, `${key}: defaults of requests`)
      t.strictSame(yaml.load, where === 'load' ? expected : {}, `${key}: options of the load`)
      t.equal(yaml.warnings.length, becomes.startsWith('without effect, with a warning') ? 1 : 0, `${key}: warnings`)
      t.equal(yaml.contextLimit?.key, becomes.startsWith('a bound of the context') ? key : undefined, key)
      t.equal(yaml.stopWords.length, becomes.startsWith('stop words') ? 1 : 0, key)
      t.equal(yaml.rewrite !== undefined, /^(whole answers|the prompt)/.test(becomes), `${key}: answers are changed`)
      t.equal(yaml.downloads.length, becomes.startsWith('files that') ? 1 : 0, key)
    }
  }
})

/** A model.yaml that is complete, with this key. */
function textWith(key: string, value: string): string {
  const [outer = '', inner] = key.split('.')
  const flat: Record<string, string> = { name: 'a' }
  const parameters: Record<string, string> = { model: 'o/r' }
  if (outer === 'parameters' && inner !== undefined) parameters[inner] = value
  else flat[outer] = inner === undefined ? value : `{${inner}: ${value}}`
  flat['parameters'] = `{${Object.entries(parameters).map(([name, each]) => `${name}: ${each}`)}}`
  return Object.entries(flat)
    .map(([name, each]) => `${name}: ${each}`)
    .join('\n')
}
