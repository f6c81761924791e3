import t from 'tap'
import { refusedPrecisions, withOptions } from '#lib/devices/properties.js'
import { type GenerationOptions, generationTable } from '#lib/options/generation.js'
import { loadTable } from '#lib/options/load.js'
import { resolveLookup } from '#lib/options/prompt-lookup.js'
import { searchesWithBeams } from '#lib/options/resolve-beams.js'
import { resolveSampling, samplingDecision } from '#lib/options/resolve-sampling.js'
import { checkOptions } from '#lib/options/rules.js'
import { warmTable } from '#lib/options/warm.js'

const cases: [table: object, name: string, good: unknown[], bad: unknown[]][] = [
  [generationTable, 'priority', [0, -5, 1.5, 1e9], [Number.NaN, Number.POSITIVE_INFINITY, '1', null]],
  [generationTable, 'timeout', [1, 0.5, 2 ** 31 - 1], [0, -1, 2 ** 31, Number.POSITIVE_INFINITY, '5']],
  [
    generationTable,
    'promptLookup',
    [true, false, {}, { maxNgram: 1 }, { maxTokens: 64, maxNgram: 64 }, { maxTokens: undefined }],
    ['yes', 3, [], { maxNgram: 0 }, { maxTokens: 65 }, { maxTokens: 1.5 }, { ngram: 3 }, null],
  ],
  [generationTable, 'numReturnSequences', [1, 64], [0, 65, 1.5, '2']],
  [generationTable, 'numBeams', [1, 64], [0, 65, 1.5, '2']],
  [generationTable, 'numBeamGroups', [1, 64], [0, 65, 1.5]],
  [generationTable, 'diversityPenalty', [0, 0.5, 1e4], [-0.1, 1e5, Number.NaN]],
  [generationTable, 'lengthPenalty', [-100, -1, 0, 2.5, 100], [101, Number.NaN, '1']],
  [generationTable, 'earlyStopping', [true, false, 'never'], ['always', 1, null]],
  [loadTable, 'engine', ['auto', 'paged', 'stateful'], ['fast', '', true]],
  [loadTable, 'threads', [1, 1024], [0, 1.5, '4']],
  [loadTable, 'precision', ['auto', 'f32', 'bf16', 'f16'], ['f64', 'int8', 16]],
  [loadTable, 'maxPromptLength', [1, 4096], [0, -1, 1.5]],
  [loadTable, 'maxSequences', [1, 256], [0, 257, 1.5]],
  [loadTable, 'maxQueue', [0, 5, Number.POSITIVE_INFINITY], [-1, 1.5, Number.NaN, '3']],
  [loadTable, 'kvCacheBytes', [1, 2 ** 20, 1e12], [0, -1, Number.POSITIVE_INFINITY, '1GB']],
  [loadTable, 'kvCachePrecision', ['u8', 'u4', 'f16', 'f32'], ['f8', 8]],
  [loadTable, 'draftModel', ['./draft', new URL('file:///draft')], ['', 5, {}]],
  [warmTable, 'timeout', [5], [0]],
]

t.test('every option takes what its documentation says, and names itself otherwise', async (t) => {
  for (const [table, name, good, bad] of cases) {
    const check = (value: unknown) => () => checkOptions({ [name]: value }, table as never, 'options')
    for (const value of good) t.doesNotThrow(check(value), `${name}: ${JSON.stringify(value)}`)
    for (const value of bad)
      t.throws(check(value), { name: 'TypeError', message: new RegExp(`expected ${name} to be `) })
  }
})

t.test('warm takes no options of an answer', async (t) => {
  for (const name of ['maxNewTokens', 'addGenerationPrompt', 'onText']) {
    t.throws(() => checkOptions({ [name]: 1 }, warmTable, 'WarmOptions'), new RegExp(`unknown option ${name}`))
  }
})

t.test('prompt lookup has defaults', async (t) => {
  const none = { lookupNgram: 0, lookupTokens: 0 }
  t.same(resolveLookup(undefined), none)
  t.same(resolveLookup(false), none)
  t.same(resolveLookup(true), { lookupNgram: 3, lookupTokens: 16 })
  t.same(resolveLookup({ maxTokens: 5 }), { lookupNgram: 3, lookupTokens: 5 })
  t.same(resolveLookup({ maxNgram: 2, maxTokens: undefined }), { lookupNgram: 2, lookupTokens: 16 })
})

t.test('several answers need sampling', async (t) => {
  t.throws(() => resolveSampling({ numReturnSequences: 2 }, false), {
    name: 'TypeError',
    message: /numReturnSequences/,
  })
  t.equal(resolveSampling({ numReturnSequences: 1 }, false).temperature, 0)
  t.equal(resolveSampling({ numReturnSequences: 2, temperature: 1 }, true).temperature, 1)
})

t.test('the strongest source that sets numBeams or samples decides for beams', async (t) => {
  const beams = { numBeams: 4 }
  const draws = { temperature: 0.7 }
  const cases: [layers: GenerationOptions[], searches: boolean][] = [
    [[{}, {}], false],
    [[beams, {}], true],
    [[{}, beams], true],
    [[beams, draws], true],
    [[draws, beams], false],
    [[{ numBeams: 1 }, beams], false],
    [[{ doSample: false }, { ...beams, doSample: true }], true],
    [[{}, { ...beams, ...draws }], false],
    [[{ ...beams, temperature: 0 }, draws], true],
  ]
  for (const [options, searches] of cases) {
    const layers = options.map((each, i) => ({
      source: ['request', 'generation_config.json'][i] as string,
      options: each,
    }))
    t.equal(searchesWithBeams(layers, samplingDecision(layers)), searches, JSON.stringify(options))
  }
})

t.test('options that stand for a property may not contradict the same one in ovConfig', async (t) => {
  t.same(withOptions({ A: 1 }, {}), { A: 1 })
  t.same(withOptions({ A: 1 }, { precision: 'auto' }), { A: 1 })
  t.same(withOptions({ A: 1 }, { kvCachePrecision: 'u4', precision: 'f16', threads: 3 }), {
    A: 1,
    KV_CACHE_PRECISION: 'u4',
    INFERENCE_PRECISION_HINT: 'f16',
    INFERENCE_NUM_THREADS: 3,
  })
  t.same(withOptions({ INFERENCE_NUM_THREADS: '3' }, { threads: 3 }), { INFERENCE_NUM_THREADS: 3 })
  t.throws(() => withOptions({ KV_CACHE_PRECISION: 'u8' }, { kvCachePrecision: 'u4' }), {
    name: 'TypeError',
    message: /'u4'.*'u8'/,
  })
  t.throws(() => withOptions({ INFERENCE_NUM_THREADS: 2 }, { threads: 3 }), { message: /threads and ovConfig/ })
})

t.test('precisions that the device did not take', async (t) => {
  const taken = (inference: string, property: string, tensors = '') => ({
    properties: { INFERENCE_PRECISION_HINT: inference, KV_CACHE_PRECISION: property },
    kvCache: { precision: tensors },
  })
  const asked = { INFERENCE_PRECISION_HINT: 'bf16', KV_CACHE_PRECISION: 'f16' }
  t.same(refusedPrecisions(asked, taken('bf16', 'f16')), [])
  t.same(refusedPrecisions({}, taken('f32', 'u8')), [], 'nobody asked')
  t.same(refusedPrecisions(asked, { properties: {}, kvCache: { precision: '' } }), [], 'nobody knows')
  t.same(refusedPrecisions(asked, taken('f32', 'f16', 'bf16')), [
    'INFERENCE_PRECISION_HINT bf16 was asked for, and the device takes f32',
    'KV_CACHE_PRECISION f16 was asked for, and the device takes bf16',
  ])
})
