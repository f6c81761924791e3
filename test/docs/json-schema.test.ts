import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import t from 'tap'
import { follow } from '../grammar/follow.js'
import { skipWithoutGrammars as skip } from '../llm/constrained.js'

const page = readFileSync('docs/structured-output.md', 'utf8')

/** The table of keywords: a row has the keyword, what happens, a schema, a text that it takes and one that it never takes. */
const rows = page
  .slice(page.indexOf('| keyword |'))
  .split('\n\n', 1)[0]
  ?.split('\n')
  .slice(2)
  .map((row) => row.split(' | ').map((cell) => cell.replace(/^\| |\s*\|$/g, '').replace(/^`(.*)`$/, '$1')))
  .map(([keyword = '', what = '', schema = '', takes = '', never = '']) => ({ keyword, what, schema, takes, never }))

/** Every keyword of draft 2020-12, from its own schemas. */
function keywords(): string[] {
  const folder = 'node_modules/ajv/dist/refs/json-schema-2020-12/meta'
  return readdirSync(folder).flatMap((name) =>
    Object.keys(JSON.parse(readFileSync(join(folder, name), 'utf8')).properties),
  )
}

function ajvTakes(schema: { $schema?: string }, text: string): boolean {
  const ajv = schema.$schema ? new Ajv({ strict: false }) : new Ajv2020({ strict: false })
  formats.default(ajv)
  return ajv.validate(schema, JSON.parse(text))
}

t.test('the table has every keyword once', async (t) => {
  t.same(rows?.map(({ keyword }) => keyword).sort(), keywords().sort())
})

t.test('what the table says of each keyword happens', { skip }, async (t) => {
  const cases = (rows ?? []).map((row) => ({
    ...row,
    schema: JSON.parse(row.schema) as object,
    texts: [row.takes, row.never].filter((text) => text !== ''),
  }))
  const found = await follow(cases)
  for (const [i, { keyword, what, schema, texts, takes, never }] of cases.entries()) {
    t.ok(JSON.stringify(schema).includes(`"${keyword}"`), `${keyword} is in its example`)
    if (what === 'refused') {
      t.type(found[i], 'string', keyword)
      continue
    }
    t.same(found[i], what === 'enforced' ? [true, false] : [true], keyword)
    t.ok(ajvTakes(schema, takes), `${keyword}: ajv takes ${takes}`)
    if (what === 'enforced') t.notOk(ajvTakes(schema, never), `${keyword}: ajv does not take ${never}`)
    else t.match({ what, texts }, { what: 'ignored', texts: [takes] })
  }
})

t.test('the page names the formats that are known', { skip }, async (t) => {
  const line = /`format` knows ([^;]*);/s.exec(page)?.[1] ?? ''
  const named = [...line.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
  t.equal(named.length, 10)
  const known = await follow(named.map((format) => ({ schema: { type: 'string', format }, texts: ['"?"', '1'] })))
  t.same(
    known,
    named.map(() => [false, false]),
    'each is enforced',
  )
  const others = ['uri-reference', 'idn-email', 'iri', 'json-pointer', 'regex', 'uri-template', 'idn-hostname']
  const refused = await follow(others.map((format) => ({ schema: { type: 'string', format }, texts: [] })))
  for (const reason of refused) t.match(reason, /Unknown format/)
})
