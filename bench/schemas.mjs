// @ts-check
// Holds structured output to a folder of schemas: what the grammars take and refuse, and what ajv says of answers.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { demoModel } from '../scripts/demo-model.mjs'
import { Complaint, root, runMain } from '../scripts/run.mjs'
import { formatNumber, table } from './report.mjs'
import { judgeAnswers } from './schemas/answers.mjs'
import { readCases, validator } from './schemas/folder.mjs'
import { followTexts } from './schemas/texts.mjs'
import { quantile } from './statistics.mjs'

/** @typedef {import('./schemas/folder.mjs').Case} Case */

const usage = `npm run schemas -- --schemas FOLDER [--most 300] [--seed N] [--only WHAT] [--model FOLDER-OR-GGUF] [--new 300] [--minutes 60]
  compiles every schema of a folder (files of { schema, tests: [{ valid, data }] } as those of maskbench/data in
  guidance-ai/jsonschemabench, or plain schemas), follows its instances through the grammar, and has SmolLM2 (or --model) and a
  tiny random model answer it at temperature 1; ajv judges each answer that the grammar ended; fails when anything is wrong
  --most N     of more files, takes so many at random
  --seed N     makes the same choice and order again; the seed is printed
  --only WHAT  texts (compiles and follows instances), model or random (the answers of that model)
  --new N      the most tokens of an answer, if the context has room for them
  --minutes N  what each model answers in so many minutes, and no more`

runMain(async () => {
  const { values } = parseArgs({
    options: {
      schemas: { type: 'string' },
      most: { type: 'string', default: '300' },
      model: { type: 'string' },
      new: { type: 'string', default: '300' },
      minutes: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(1 + (Date.now() % 1_000_000)) },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    console.log(usage)
    return
  }
  if (values.schemas === undefined) throw new Complaint(`--schemas: expected a folder.\n${usage}`)
  const { only } = values
  if (only !== undefined && !['texts', 'model', 'random'].includes(only)) {
    throw new Complaint(`--only: expected texts, model or random, found '${only}'.`)
  }
  const seed = positive('--seed', values.seed)
  const cases = await readCases(values.schemas, positive('--most', values.most), seed)
  console.log(`Seed ${seed}.`)
  const model = only === 'random' ? '' : (values.model ?? (await demoModel()))
  let wrong = only === undefined || only === 'texts' ? await reportTexts(cases, model) : 0
  const limits = { maxNewTokens: positive('--new', values.new), minutes: positive('--minutes', values.minutes) }
  for (const [what, label, path] of [
    ['model', 'the model', model],
    ['random', 'a random model', join(root, 'test', 'fixtures', 'ir', 'tiny-llama-fp32')],
  ]) {
    if (only === undefined || only === what) wrong += await reportAnswers(cases, String(label), String(path), limits)
  }
  return wrong > 0 ? 1 : 0
})

/** @param {string} name @param {string} text */
function positive(name, text) {
  const number = Number(text)
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Complaint(`${name}: expected an integer from 1, found '${text}'.`)
  return number
}

/** @param {Case[]} cases @param {string} model @returns {Promise<number>} how many schemas are wrong */
async function reportTexts(cases, model) {
  const lines = await followTexts(cases, model)
  const counts = { right: 0, refused: 0, wrong: 0 }
  /** @type {number[]} */
  const compiled = []
  /** @type {number[]} */
  const masks = []
  let disputed = 0
  /** @type {Map<string, number>} */
  const reasons = new Map()
  for (const [i, line] of lines.entries()) {
    const { name, schema, texts } = /** @type {Case} */ (cases[i])
    if ('error' in line) {
      counts.refused++
      const reason = line.error.replaceAll(/\d+/g, '…').slice(0, 70)
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      continue
    }
    compiled.push(line.compile)
    const judge = validator(schema)
    const faults = line.texts.flatMap((followed, j) => {
      const { text: instance, valid } = /** @type {Case['texts'][number]} */ (texts[j])
      if ('error' in followed) return [`${followed.error}: ${instance.slice(0, 200)}`]
      masks.push(...followed.masks)
      if (followed.accepted === valid) return []
      if (judge && (judge(JSON.parse(instance)) === undefined) !== valid) {
        disputed++
        return []
      }
      return [`${valid ? 'valid, but refused' : 'invalid, but accepted'}: ${instance.slice(0, 300)}`]
    })
    counts[faults.length > 0 ? 'wrong' : 'right']++
    for (const fault of faults) console.log(`${name}: ${fault}`)
  }
  const instances = cases.reduce((sum, { texts }) => sum + texts.length, 0)
  console.log(`\n${cases.length} schemas with ${instances} instances:\n`)
  const figures = [quantile(compiled, 0.5), quantile(masks, 0.5), quantile(masks, 0.99)].map(formatNumber)
  const header = ['', 'right', 'refused', 'wrong', 'compile p50, ms', 'mask p50, ms', 'mask p99, ms']
  console.log(table(header, [['grammars', ...Object.values(counts).map(String), ...figures]]).join('\n'))
  console.log(`\nInstances that the folder and ajv judge differently, and the grammar as ajv does: ${disputed}`)
  console.log('Reasons of refusals:')
  for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 20))
    console.log(`${count}: ${reason}`)
  return counts.wrong
}

/** @param {Case[]} cases @param {string} label @param {string} path @param {Parameters<typeof judgeAnswers>[2]} limits @returns {Promise<number>} wrong answers */
async function reportAnswers(cases, label, path, limits) {
  const verdicts = await judgeAnswers(cases, path, limits)
  const count = (/** @type {string} */ kind) => verdicts.filter((verdict) => verdict.kind === kind).length
  for (const { name, kind, why } of verdicts) if (kind === 'wrong') console.log(`${name}: ${why}`)
  const kinds = ['right', 'cut', 'refused', 'wrong']
  console.log(`\n${table(['answers', ...kinds], [[label, ...kinds.map((kind) => String(count(kind)))]]).join('\n')}`)
  return count('wrong')
}
