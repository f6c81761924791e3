// @ts-check
// Exports a tiny random model of every model type that optimum-intel knows, runs each, and writes the table of docs/architectures.md.
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ask, Complaint, root, run, runMain } from '../run.mjs'
import { byHand } from './by-hand.mjs'
import { installExporter, workFolder } from './environment.mjs'
import { rows, withTable } from './table.mjs'
import { verdict } from './verdict.mjs'

const usage = `npm run architectures [-- NAME…] [--list]
  exports tiny random models of every model type of optimum-intel, or of the names that are given, compares each on both engines with
  transformers in f32, and writes the table of docs/architectures.md; fails when one is wrong without an error or a warning
  --list  prints the names`

const scripts = join(root, 'scripts', 'architectures')
const tokenizer = join(root, 'test', 'fixtures', 'ir', 'tiny-llama-fp32')
const page = join(root, 'docs', 'architectures.md')

/** @typedef {Record<string, { model_type: string, transformers: string }>} Models */
/** @typedef {Awaited<ReturnType<typeof installExporter>>} Exporter */

runMain(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) return console.log(usage)
  const exporter = await installExporter()
  const models = /** @type {Models} */ (await python(exporter, '--models'))
  const names = Object.keys(models)
  if (values.list) return console.log(names.join('\n'))
  const unknown = positionals.find((name) => !names.includes(name))
  if (unknown) throw new Complaint(`There is no model ${unknown}: --list prints them.`)
  const chosen = positionals.length > 0 ? positionals : names

  const exports = await exportsFolder()
  await makeAll(exporter, models, chosen, exports)
  const verdicts = []
  for (const name of chosen) {
    const { model_type: modelType, transformers } = /** @type {Models[string]} */ (models[name])
    const golden = await readGolden(exports, name)
    const outcomes = golden.failed ? undefined : await outcomesOf(join(exports, name))
    const words = verdict({ name, modelType, transformers }, golden, outcomes)
    console.log(`${name}: ${words.words}`)
    verdicts.push(words)
  }
  if (positionals.length === 0) {
    const types = /** @type {import('./table.mjs').Types} */ (await python(exporter, '--types'))
    await writeFile(page, withTable(await readFile(page, 'utf8'), rows(verdicts, byHand, types)))
  }
  const wrong = verdicts.filter((one) => one.wrong)
  if (wrong.length > 0) throw new Complaint(`Wrong without a word: ${wrong.map(({ name }) => name).join(', ')}.`)
})

/**
 * @param {Exporter} exporter
 * @param {string} flag
 */
async function python({ python, environment }, flag) {
  process.env.HF_HUB_OFFLINE = '1'
  Object.assign(process.env, environment(''), { PYTHONPATH: undefined })
  delete process.env.PYTHONPATH
  const text = await ask(python, ['-W', 'ignore', join(scripts, 'make.py'), flag])
  if (text === undefined) throw new Complaint(`make.py ${flag} failed.`)
  return JSON.parse(text.slice(text.lastIndexOf('\n') + 1))
}

/** Exports are kept as long as nothing that makes them has changed. */
async function exportsFolder() {
  const hash = createHash('sha256')
  for (const file of ['models.py', 'make.py', 'environment.mjs']) hash.update(await readFile(join(scripts, file)))
  return join(workFolder, `exports-${hash.digest('hex').slice(0, 12)}`)
}

/**
 * A process that dies takes one model with it; the next process goes on behind it.
 * @param {Exporter} exporter
 * @param {Models} models
 * @param {string[]} chosen
 * @param {string} exports
 */
async function makeAll({ python, environment }, models, chosen, exports) {
  for (const version of new Set(Object.values(models).map(({ transformers }) => transformers))) {
    for (;;) {
      const left = []
      for (const name of chosen) {
        if (models[name]?.transformers === version && !(await readGolden(exports, name, true))) left.push(name)
      }
      if (left.length === 0) break
      await run(python, ['-W', 'ignore', join(scripts, 'make.py'), exports, tokenizer, ...left], {
        stdio: ['ignore', 2, 2],
        env: environment(version),
      })
      const first = /** @type {string} */ (left[0])
      if (!(await readGolden(exports, first, true))) throw new Complaint(`make.py ended without a word on ${first}.`)
    }
  }
}

/**
 * @param {string} exports
 * @param {string} name
 * @param {boolean} [optional]
 */
async function readGolden(exports, name, optional = false) {
  const text = await readFile(join(exports, name, 'golden.json'), 'utf8').catch((error) => {
    if (optional && error.code === 'ENOENT') return undefined
    throw error
  })
  return text && JSON.parse(text)
}

/** @param {string} folder */
async function outcomesOf(folder) {
  const one = async (/** @type {'auto' | 'stateful'} */ engine) => {
    const text = await ask(process.execPath, [join(scripts, 'judge.mjs'), folder, engine])
    /** @type {import('./judge.mjs').Outcome} */
    const died = { warnings: [], differences: ['the process died'] }
    return text === undefined ? died : /** @type {import('./judge.mjs').Outcome} */ (JSON.parse(text))
  }
  return { auto: await one('auto'), stateful: await one('stateful') }
}
