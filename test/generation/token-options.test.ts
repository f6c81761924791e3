import { readFileSync } from 'node:fs'
import t from 'tap'
import { boundary } from '#lib/engine/fields.js'
import { noTokenParams, resolveTokens } from '#lib/generation/token-options.js'
import type { GenerationOptions } from '#lib/options/generation.js'
import { checkSampling } from '#lib/options/resolve-sampling.js'
import { samplingSteps, samplingTable } from '#lib/options/sampling.js'

/** A text's tokens are the codes of its characters. */
const context = {
  vocabularySize: 300,
  stopTokenIds: [3, 6],
  encodeWord: async (text: string) => [...text].map((character) => character.charCodeAt(0)),
  limit: 290,
  absent: [7],
}
const resolve = (options: GenerationOptions) => resolveTokens(context, options)

t.test('without options, only ids that have no token are said', async (t) => {
  t.strictSame(await resolve({}), { ...noTokenParams, tokenLimit: 290, absentTokens: Int32Array.of(7) })
})

t.test('ids, texts and sequences become sequences behind their lengths', async (t) => {
  t.match(await resolve({ logitBias: { 5: -2, 12: 3.5 } }), {
    logitBias: Int32Array.of(1, 5, 1, 12),
    logitBiasValues: [-2, 3.5],
  })
  const pairs = [
    [9, 1],
    ['ab', -3],
    [[4, 5, 6], 2],
  ] as const
  t.match(await resolve({ logitBias: pairs }), {
    logitBias: Int32Array.of(1, 9, 2, 97, 98, 3, 4, 5, 6),
    logitBiasValues: [1, -3, 2],
  })
  t.match(await resolve({ badWordsIds: ['c', [8, 9]] }), { badWordsIds: Int32Array.of(1, 99, 2, 8, 9) })
  t.match(await resolve({ forcedEosTokenId: 6, suppressTokens: [1, 2], beginSuppressTokens: [3] }), {
    forcedEosTokenId: Int32Array.of(6),
    suppressTokens: Int32Array.of(1, 2),
    beginSuppressTokens: Int32Array.of(3),
  })
})

t.test('DRY has its breakers, and XTC what it leaves, only when they act', async (t) => {
  const codes = (text: string) => Int32Array.from(text, (character) => character.charCodeAt(0))
  t.match(await resolve({ dryMultiplier: 1 }), { drySequenceBreakers: codes('\n:"*') })
  t.match(await resolve({ dryMultiplier: 1, drySequenceBreakers: ['xy'] }), { drySequenceBreakers: codes('y') })
  t.match(await resolve({ xtcProbability: 0.5 }), { xtcProtectedTokens: Int32Array.of(10, 3, 6) })
})

t.test('a token id that the model does not have is refused by the name of its option', async (t) => {
  for (const options of [
    { logitBias: { 300: 1 } },
    { badWordsIds: [[1, 300]] },
    { forcedEosTokenId: [300] },
    { suppressTokens: [300] },
    { beginSuppressTokens: [300] },
  ]) {
    const [name] = Object.keys(options)
    await t.rejects(resolve(options), { code: 'ERR_TOKEN_ID', message: new RegExp(`${name}.* 299, found 300`) })
  }
})

t.test('values that make no sense are refused', async (t) => {
  const refused: Record<string, unknown[]> = {
    logitBias: [
      { 1: 1e5 },
      { a: 1 },
      { '-1': 1 },
      [['', 1]],
      [[[], 1]],
      [[1]],
      [[1, Number.NaN]],
      [[-1, 1]],
      'a',
      null,
    ],
    badWordsIds: [[''], [[]], [3], [[1.5]], 'a'],
    drySequenceBreakers: [[''], ':', [1]],
    repetitionPenalty: [0, -1, 1e5],
    frequencyPenalty: [1e5],
    dryAllowedLength: [0],
    dryPenaltyLastN: [-2],
    dryBase: [0.5],
    typicalP: [0, 1.1],
    epsilonCutoff: [1, -0.1],
    etaCutoff: [1],
    xtcThreshold: [1.1],
    minTokensToKeep: [0],
    minNewTokens: [-1, 1.5],
    suppressTokens: [[-1], 3],
    minLength: [-1, 1.5],
    forcedEosTokenId: [-1, 'a'],
    exponentialDecayLengthPenalty: [[1], [-1, 2], [1, 0], [1, 2, 3], [1.5, 2], 3],
  }
  for (const [name, values] of Object.entries(refused))
    for (const value of values)
      t.notOk(samplingTable[name as keyof typeof samplingTable].accepts(value), `${name}: ${JSON.stringify(value)}`)
  t.ok(samplingTable.logitBias.accepts({ 1: -1, 20: 5 }))
  t.ok(
    samplingTable.logitBias.accepts([
      [1, 1],
      ['a', 2],
      [[1, 2], 3],
    ]),
  )
})

t.test('contradictions are refused together', async (t) => {
  t.throws(() => checkSampling({ minNewTokens: 5, maxNewTokens: 4 }), {
    name: 'TypeError',
    message: 'expected minNewTokens to be at most maxNewTokens (4), received 5',
  })
  t.throws(() => checkSampling({ forcedEosTokenId: 2, suppressTokens: [1, 2] }), TypeError)
  t.doesNotThrow(() => checkSampling({ minNewTokens: 4, maxNewTokens: 4, forcedEosTokenId: 2, suppressTokens: [1] }))
})

t.test('the order of the steps is the same in the code, at the boundary and on the page', async (t) => {
  t.strictSame([...boundary.names.SamplingStep], [...samplingSteps])
  const page = readFileSync('docs/generation-options.md', 'utf8')
  t.strictSame(
    [...page.matchAll(/^\d+\. `(\w+)`$/gm)].map(([, name]) => name),
    [...samplingSteps],
  )
})
