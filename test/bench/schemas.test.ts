import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { skipWithoutGrammars as skip } from '../llm/constrained.js'
import { node } from '../scripts/script.js'

const type = 'object'
const properties = { a: { type: 'integer', minimum: 0, maximum: 9 }, b: { type: 'boolean' } }
const pair = { type, properties, required: ['a', 'b'], additionalProperties: false }

/** Runs the script on a folder of these files, with the tiny model in SmolLM2's place. */
async function schemas(t: Test, files: Record<string, object>, ...args: string[]) {
  const folder = t.testdir()
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(content))
  const model = ['--model', 'test/fixtures/ir/tiny-llama-fp32']
  const { PATH = '', HOME = '' } = process.env
  return await node(['bench/schemas.mjs', '--schemas', folder, ...model, ...args], { PATH, HOME })
}

t.test('a folder of schemas: what is right and what is refused', { skip }, async (t) => {
  const tests = [
    { valid: true, data: { a: 1, b: true } },
    { valid: false, data: { a: 10, b: true } },
    // A claim that ajv does not share.
    { valid: true, data: { a: 1 } },
  ]
  const files = {
    'not.json': { schema: { not: {} } },
    'pair.json': { schema: pair, tests },
    'plain.json': { const: 1 },
  }
  const { code, stdout, stderr } = await schemas(t, files)
  t.equal(code, 0, stderr)
  t.match(stdout, /3 schemas with 3 instances/)
  t.match(stdout, /\| grammars \| +2 \| +1 \| +0 \| /)
  t.match(stdout, /as ajv does: 1\n/)
  t.match(stdout, /1: .*not/)
  t.match(stdout, /\| the model \| +2 \| +0 \| +1 \| +0 \|/)
  t.match(stdout, /\| a random model \| +2 \| +0 \| +1 \| +0 \|/)
})

t.test('what is wrong fails it', { skip }, async (t) => {
  // Valid, but the grammar has the keys in the order of `properties`.
  const tests = [{ valid: true, data: { b: true, a: 1 } }]
  const { code, stdout } = await schemas(t, { 'pair.json': { schema: pair, tests } }, '--only', 'texts')
  t.equal(code, 1)
  t.match(stdout, 'pair.json: valid, but refused: {"b":true,"a":1}')
})

t.test('of more files, some are taken at random, and the same with the same seed', { skip }, async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [
      `${i}.json`,
      { schema: pair, tests: [{ valid: true, data: { b: true, a: i % 10 } }] },
    ]),
  )
  const taken = async (...flags: string[]) => {
    const { stdout } = await schemas(t, files, '--only', 'texts', '--most', '3', ...flags)
    t.match(stdout, /3 schemas with 3 instances/)
    return /Seed (\d+)\./.exec(stdout)?.[1] === '7' ? stdout : ''
  }
  const seven = await taken('--seed', '7')
  t.match(seven, /valid, but refused/)
  const named = (text: string) => text.match(/^\d+\.json/gm)
  t.same(named(await taken('--seed', '7')), named(seven))
  t.equal(await taken(), '', 'another seed by itself')
})

t.test('wrong usage is said', async (t) => {
  t.match(await node(['bench/schemas.mjs'], {}), { code: 1, stderr: /--schemas: expected a folder/ })
  t.match(await schemas(t, {}, '--most', '0'), { code: 1, stderr: /--most: expected an integer from 1, found '0'/ })
  t.match(await schemas(t, {}, '--only', 'all'), { code: 1, stderr: /--only: expected texts, model or random/ })
  t.match(await schemas(t, {}), { code: 1, stderr: /has no \.json files/ })
})
