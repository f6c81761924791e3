// @ts-check

import { loadAddon } from '../dist/addon/load.js'
import { noGrammar, noMarks } from '../dist/engine/boundary.js'
import { Engine } from '../dist/engine/engine.js'
import { noTokenParams } from '../dist/generation/token-options.js'
import { plainConfig } from '../dist/loading/engine-config.js'
import { loadModel } from '../dist/model/load-model.js'
import { resolveBeams } from '../dist/options/beams.js'
import { noLogprobs } from '../dist/options/logprobs.js'
import { greedySampling } from '../dist/options/resolve-sampling.js'
import { TextWorker } from '../dist/text/worker/text-worker.js'
import { demoModel } from '../scripts/demo-model.mjs'
import { formatNumber, table } from './report.mjs'
import { median } from './statistics.mjs'

/** @typedef {import('../dist/engine/boundary.js').RequestParams['grammar']} Grammar */
/** @typedef {{ tokens: number, first: number, elapsed: number }} Measured milliseconds */

const answerTokens = 120

/** A record of a list: a bounded answer of about 120 tokens, with keys of this length. @param {string[]} keys */
const schemaOf = (keys) => ({
  type: 'array',
  minItems: 12,
  maxItems: 12,
  items: {
    type: 'object',
    properties: Object.fromEntries(keys.map((key) => [key, { type: 'string', minLength: 4, maxLength: 24 }])),
    required: keys,
    additionalProperties: false,
  },
  'x-guidance': { whitespace_flexible: false },
})

const typicalKeys = ['name', 'city']
const longKeys = ['preferred_delivery_address_of_the_customer', 'additional_information_for_the_courier']

/** @param {object} schema @returns {Grammar} */
const grammarOf = (schema) => ({ kind: 'json_schema', source: JSON.stringify(schema) })

/** What changes logits and draws, over the whole vocabulary. */
const chain = {
  ...greedySampling,
  repetitionPenalty: 1.1,
  presencePenalty: 0.5,
  frequencyPenalty: 0.2,
  temperature: 0.8,
  topP: 0.95,
}

/**
 * What a grammar costs and gains on SmolLM2, and what sampling costs a full batch: both sides in turn, in one process.
 * @param {number} repetitions
 * @returns {Promise<string[]>} lines of a report
 */
export async function onModel(repetitions) {
  const definition = await loadModel(await demoModel())
  const text = await TextWorker.open(definition.text)
  const { tokens: prompt } = await text.encodeText('The people who live in these cities, as JSON:\n')
  const engine = await Engine.start({
    ...plainConfig,
    runner: 'paged',
    modelPath: definition.modelPath,
    contextLength: 2048,
    kvTokens: 16 * 512,
    maxSequences: 16,
    warmup: Int32Array.of(1, 4, 16),
  })
  const { bytes, offsets, special } = text.tokens
  engine.learnVocabulary(() => ({ bytes, offsets, special, endTokens: Int32Array.from(definition.stopTokenIds) }))
  /** @param {Grammar} grammar @param {typeof greedySampling} [sampling] @returns {Promise<Measured>} */
  const answer = (grammar, sampling = greedySampling) =>
    new Promise((resolve, reject) => {
      const begin = performance.now()
      const measured = { tokens: 0, first: 0, elapsed: 0 }
      const params = {
        ...sampling,
        ...noTokenParams,
        ...noLogprobs,
        ...resolveBeams({}),
        maxNewTokens: answerTokens,
        stopTokenIds: new Int32Array(0),
        priority: 0,
        lookupNgram: 0,
        lookupTokens: 0,
        grammar,
        marks: noMarks,
      }
      engine.submit(prompt, params, [
        {
          tokens: (more) => {
            measured.first ||= performance.now() - begin
            measured.tokens += more.length
          },
          finished: () => resolve({ ...measured, elapsed: performance.now() - begin }),
          failed: reject,
        },
      ])
    })
  const pace = (/** @type {Measured} */ { tokens, first, elapsed }) => (tokens - 1) / (elapsed - first)
  let fresh = 0
  const typical = () => grammarOf(schemaOf(typicalKeys))
  const unknown = () => grammarOf({ ...schemaOf(typicalKeys), title: `${fresh++}` })
  const many = async (/** @type {(index: number) => Promise<Measured>} */ answerAt) => {
    const begin = performance.now()
    const answers = await Promise.all(Array.from({ length: 16 }, (_, index) => answerAt(index)))
    return answers.reduce((sum, { tokens }) => sum + tokens, 0) / (performance.now() - begin)
  }
  const free = () => many(() => answer(noGrammar))
  /** @typedef {[what: string, promised: string, measure: () => Promise<number>]} Line */
  /** @type {Line[]} */
  const lines = [
    [
      '16 sampled with penalties and top-p, × 16 greedy',
      '≥ 0.9',
      async () => (await many((seed) => answer(noGrammar, { ...chain, seed }))) / (await free()),
    ],
  ]
  /** @type {Line[]} */
  const constrained = [
    [
      'pace of a typical schema, × free',
      '≥ 0.97',
      async () => pace(await answer(typical())) / pace(await answer(noGrammar)),
    ],
    [
      'pace of long keys, × free',
      '≥ 1.2',
      async () => pace(await answer(grammarOf(schemaOf(longKeys)))) / pace(await answer(noGrammar)),
    ],
    [
      'first token of a new schema, later by ms',
      '≤ 15',
      async () => (await answer(unknown())).first - (await answer(noGrammar)).first,
    ],
    ['16 new schemas at once, × 16 free', '≥ 0.9', async () => (await many(() => answer(unknown()))) / (await free())],
  ]
  const built = loadAddon().buildInfo().grammar !== ''
  if (built) {
    await answer(typical()) // makes the library's own tokenizer, once
    lines.push(...constrained)
  }
  /** @type {string[][]} */
  const rows = []
  for (const [what, promised, measure] of lines) {
    const found = []
    for (let i = 0; i < repetitions; i++) found.push(await measure())
    const [low, high] = [Math.min(...found), Math.max(...found)].map((value) => formatNumber(value))
    rows.push([what, `${formatNumber(median(found))} [${low}–${high}]`, promised])
  }
  await engine.close()
  await text.close()
  return [
    `On SmolLM2, tokens a second of answers of ${answerTokens} tokens${built ? '' : ' (the addon was built without grammars)'}:\n`,
    ...table(['', 'found', 'promised'], rows),
    '',
  ]
}
