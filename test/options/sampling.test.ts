import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import t from 'tap'
import { addFlags, flagsOf, generationOptions } from '#lib/cli/options.js'
import type { RequestParams } from '#lib/engine/boundary.js'
import { Engine } from '#lib/engine/engine.js'
import { boundary } from '#lib/engine/fields.js'
import { LLM } from '#lib/index.js'
import { pipeline } from '#lib/integrations/pipeline.js'
import { unsupportedFields } from '#lib/options/config-fields.js'
import { type GenerationOptions, generationTable } from '#lib/options/generation.js'
import { greedySampling, resolveSampling, samplingDecision } from '#lib/options/resolve-sampling.js'
import { samplingTable } from '#lib/options/sampling.js'
import { exact, tiny } from '../llm/fixtures.js'

// Every row that the addon gets, with a value that is not its default: a new row is tested here without another line.
interface Row {
  default?: unknown
  huggingFace?: string
  pipeline?: string
  flag?: object
  native?: { type: string; greedy?: number }
  samples?: true
  accepts(value: unknown): boolean
}
const rows = Object.entries<Row>(samplingTable).flatMap(([name, row]) => {
  const value = [0.25, 7].find((one) => row.accepts(one) && one !== row.default)
  return row.native && value !== undefined ? [{ name, row, value }] : []
})
const model = tiny('tiny-llama-fp32')

// What the engine is asked for.
const submitted: RequestParams[] = []
const submit = Engine.prototype.submit
Engine.prototype.submit = function (prompt, params, handlers) {
  submitted.push(params)
  return submit.call(this, prompt, params, handlers)
}
t.teardown(() => {
  Engine.prototype.submit = submit
})
const lastOf = (name: string): unknown => (submitted.at(-1) as unknown as Record<string, unknown>)[name]

t.test('every sampling option reaches the addon from a request and from the pipeline', async (t) => {
  await using pipe = await pipeline('text-generation', model, { ovConfig: exact, onWarning: () => {} })
  t.ok(rows.length >= 4)
  for (const { name, row, value } of rows) {
    await pipe.model.generate('Hello', { doSample: true, [name]: value, maxNewTokens: 7 })
    t.equal(lastOf(name), value, name)
    if (row.default !== undefined) {
      await pipe.model.generate('Hello', { doSample: true, maxNewTokens: 7 })
      t.equal(lastOf(name), row.default, `${name} by default`)
    }
    await pipe.model.generate('Hello', { temperature: 0, maxNewTokens: 7 })
    t.equal(lastOf(name), row.native?.greedy ?? row.default, `${name} when greedy`)
    const theirs = row.huggingFace ?? row.pipeline
    t.ok(theirs, `${name} has a name in the pipeline`)
    await pipe('Hello', { do_sample: true, [theirs as string]: value, max_new_tokens: 7 })
    t.equal(lastOf(name), value, `pipeline's ${theirs}`)
  }
})

t.test('every sampling option has a flag that means the same', async (t) => {
  for (const { name, value } of rows) {
    const command = addFlags(new Command().exitOverride(), flagsOf(generationTable))
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    command.parse([flag, String(value)], { from: 'user' })
    t.match(generationOptions(command.opts(), command), { [name]: value }, flag)
  }
})

t.test('generation_config.json gives defaults for every sampling option that it knows', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-sampling-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(model, folder, { recursive: true })
  const known = rows.filter(({ row }) => row.huggingFace)
  const file = join(folder, 'generation_config.json')
  const fields = Object.fromEntries(known.map(({ row, value }) => [row.huggingFace, value]))
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), do_sample: true, ...fields }))
  const warnings: string[] = []
  await using llm = await LLM.load(folder, { ovConfig: exact, onWarning: ({ message }) => warnings.push(message) })
  await llm.generate('Hello', { maxNewTokens: 7 })
  for (const { name, value } of known) t.equal(lastOf(name), value, name)
  t.same(warnings, [])

  for (const { row } of known) {
    writeFileSync(file, JSON.stringify({ [row.huggingFace as string]: 'much' }))
    await t.rejects(LLM.load(folder), { code: 'ERR_MODEL_INVALID', message: new RegExp(`"${row.huggingFace}"`) })
    t.notOk(Object.hasOwn(unsupportedFields, row.huggingFace as string), 'a field is either applied or warned about')
  }
})

t.test('options of sampling alone make a request sample', async (t) => {
  const resolve = (options: GenerationOptions) =>
    resolveSampling(options, samplingDecision([{ source: 'request', options }]).samples)
  t.same(resolve({}), greedySampling)
  for (const { name, row, value } of rows.filter(({ row }) => row.samples)) {
    t.match(resolve({ [name]: value }), { temperature: 1, [name]: value }, name)
    t.same(resolve({ [name]: value, temperature: 0 }), greedySampling, `${name} at temperature 0`)
    t.same(resolve({ [name]: value, doSample: false }), greedySampling, `${name} without doSample`)
    t.equal(greedySampling[name as keyof typeof greedySampling], row.native?.greedy)
  }
})

t.test('the boundary has the fields of the table', async (t) => {
  for (const { name } of rows) t.ok(name in boundary.structures.RequestParams, name)
})
