import t from 'tap'
import { type DefaultsLayer, describeDefaults, mergeLayers } from '#lib/options/defaults.js'
import type { GenerationOptions } from '#lib/options/generation.js'
import { checkSampling, greedySampling, resolveSampling, samplingDecision } from '#lib/options/resolve-sampling.js'

type Options = GenerationOptions
/** How a request is sampled whose defaults come from these, the strongest first. */
function resolve(options: Options, load: Options = {}, config: Options = {}, card: Options = {}) {
  const layers: DefaultsLayer[] = [
    { source: 'LoadOptions.defaults', options: load },
    { source: 'generation_config.json', options: config },
    { source: 'README.md', options: card },
  ]
  const { samples } = samplingDecision([{ source: 'request', options }, ...layers])
  return resolveSampling({ ...mergeLayers(layers), ...options }, samples)
}

t.test('a temperature above 0 from any source samples', async (t) => {
  const warm = { temperature: 0.7 }
  t.match(resolve(warm), warm)
  t.match(resolve({}, warm), warm)
  t.match(resolve({}, {}, warm), warm)
  t.match(resolve({}, {}, {}, warm), warm)
  t.same(resolve({}), greedySampling)
})

t.test('the strongest source that says something decides', async (t) => {
  const hot = { temperature: 2 }
  const never = { doSample: false }
  const always = { doSample: true }
  const zero = { temperature: 0 }
  const greedy: [Options, Options?, Options?, Options?][] = [
    [zero, hot],
    [never, hot],
    [{ ...hot, ...never }],
    [zero, always],
    [{}, never, hot],
    [{}, {}, never, hot],
    [{}, {}, { ...never, ...hot }],
    [{}, {}, zero, hot],
    [{}, {}, { ...always, ...zero }],
    [{ topP: 0.5 }, zero],
    [{}, {}, { topK: 50 }],
    [{}, {}, {}, { topP: 0.5 }],
  ]
  for (const layers of greedy) t.same(resolve(...layers), greedySampling, JSON.stringify(layers))
  const sampled: [Partial<typeof greedySampling>, ...[Options, Options?, Options?, Options?]][] = [
    [{ temperature: 2 }, hot, zero],
    [{ temperature: 2 }, hot, {}, never],
    [{ temperature: 1 }, always, zero],
    [{ temperature: 2 }, always, {}, { ...never, ...hot }],
    [{ temperature: 1, topP: 0.5 }, { topP: 0.5 }, {}, never],
    [{ temperature: 1, topP: 0.5 }, {}, { topP: 0.5 }, never],
    [{ temperature: 1, topK: 7 }, {}, {}, { ...always, topK: 7 }, { topK: 8 }],
    [{ temperature: 2, topK: 7, topP: 0.5 }, { topP: 0.5 }, {}, { topK: 7 }, hot],
  ]
  for (const [expected, ...layers] of sampled) t.match(resolve(...layers), expected, JSON.stringify(layers))
})

t.test('one source that contradicts itself', async (t) => {
  t.throws(() => checkSampling({ doSample: true, temperature: 0 }), {
    name: 'TypeError',
    message: /temperature above 0/,
  })
  t.doesNotThrow(() => checkSampling({ doSample: false, temperature: 0 }))
  t.doesNotThrow(() => checkSampling({ doSample: true }))
})

t.test('values and who set them', async (t) => {
  const layers: DefaultsLayer[] = [
    { source: 'LoadOptions.defaults', options: { maxNewTokens: 9, topP: undefined } },
    { source: 'generation_config.json', options: { topP: 0.9, maxNewTokens: 5 } },
    { source: 'README.md', options: { temperature: 0.7, topP: 0.1 } },
  ]
  t.match(describeDefaults(layers), {
    maxNewTokens: { value: 9, source: 'LoadOptions.defaults' },
    topP: { value: 0.9, source: 'generation_config.json' },
    temperature: { value: 0.7, source: 'README.md' },
    doSample: { value: true, source: 'README.md' },
    topK: { value: 50, source: 'built-in' },
    skipSpecialTokens: { value: true, source: 'built-in' },
  })
  const none = describeDefaults([])
  t.same(none.doSample, { value: false, source: 'built-in' })
  t.notOk('seed' in none)
  t.doesNotThrow(() =>
    structuredClone(describeDefaults([{ source: 'README.md', options: { stop: () => {} } as never }])),
  )
})
