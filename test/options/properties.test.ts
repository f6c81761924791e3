import fc from 'fast-check'
import t from 'tap'
import { LLMError } from '#lib/errors.js'
import { resolveTokens, type TokenContext } from '#lib/generation/token-options.js'
import { describeDefaults, mergeLayers } from '#lib/options/defaults.js'
import { type GenerationOptions, generationTable } from '#lib/options/generation.js'
import { checkSampling, resolveSampling, samplingDecision } from '#lib/options/resolve-sampling.js'
import { checkOptions } from '#lib/options/rules.js'
import { nativeSampling, samplingDefaults } from '#lib/options/sampling.js'
import { logitBias, words } from '#lib/options/token-lists.js'

// The same cases each time. A failure shows the smallest one that fails.
const fixed = { seed: 20, numRuns: 500 }

const sampling = fc.record<GenerationOptions>(
  {
    temperature: fc.constantFrom(0, 0.5, 1, undefined),
    doSample: fc.constantFrom(true, false, undefined),
    topK: fc.option(fc.nat(100), { nil: undefined }),
    topP: fc.option(fc.double({ min: 0.01, max: 1, noNaN: true }), { nil: undefined }),
    repetitionPenalty: fc.option(fc.double({ min: 0.1, max: 2, noNaN: true }), { nil: undefined }),
    seed: fc.option(fc.nat(), { nil: undefined }),
  },
  { requiredKeys: [] },
)

const layers = fc.tuple(sampling, sampling, sampling).map(([caller, config, card]) => [
  { source: 'LoadOptions.defaults' as const, options: caller },
  { source: 'generation_config.json' as const, options: config },
  { source: 'README.md' as const, options: card },
])

t.test('of several sources the strongest that sets an option decides; undefined sets nothing', async (t) => {
  fc.assert(
    fc.property(layers, (layers) => {
      const merged = mergeLayers(layers)
      const described = describeDefaults(layers)
      for (const name of ['temperature', 'topK', 'topP', 'repetitionPenalty', 'seed'] as const) {
        const first = layers.find(({ options }) => options[name] !== undefined)
        if (merged[name] !== first?.options[name]) return false
        const builtIn = (generationTable[name] as { default?: number }).default
        if (described[name]?.value !== (first?.options[name] ?? builtIn)) return false
        if (first && described[name]?.source !== first.source) return false
      }
      return true
    }),
    fixed,
  )
  t.pass()
})

t.test(
  'what is sampled is whole: every field has a number, and greedy answers differ in nothing but logits',
  async (t) => {
    fc.assert(
      fc.property(sampling, layers, (request, layers) => {
        const { samples, source } = samplingDecision([{ source: 'request' as const, options: request }, ...layers])
        // Whoever decides sets something; the request's temperature is never overruled by a weaker source.
        if (source === undefined && samples) return false
        if (request.temperature === 0 && samples) return false
        const merged = { ...mergeLayers(layers), ...definedOf(request) }
        const found = resolveSampling(merged, samples)
        if (Object.keys(found).length !== nativeSampling.length) return false
        if (Object.values(found).some((value) => typeof value !== 'number' || !Number.isFinite(value))) return false
        if (found.repetitionPenalty !== (merged.repetitionPenalty ?? samplingDefaults.repetitionPenalty)) return false
        return samples
          ? found.temperature > 0 && found.topK === (merged.topK ?? samplingDefaults.topK)
          : found.topK === 0
      }),
      fixed,
    )
    t.pass()
  },
)

const definedOf = (options: GenerationOptions): GenerationOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

t.test('whatever is given as options is taken or is a TypeError that names the option', async (t) => {
  const name = fc.constantFrom(...Object.keys(generationTable))
  fc.assert(
    fc.property(name, fc.anything(), (name, value) => {
      const rule = generationTable[name as keyof typeof generationTable]
      try {
        checkOptions({ [name]: value }, generationTable, 'GenerationOptions')
        checkSampling({ [name]: value })
        return value === undefined || rule.accepts(value)
      } catch (error) {
        return error instanceof TypeError && error.message.includes(name) && !rule.accepts(value)
      }
    }),
    { ...fixed, numRuns: 2000 },
  )
  t.pass()
})

const id = fc.nat(99)
const sequence = fc.oneof(id, fc.string({ minLength: 1, maxLength: 8 }), fc.array(id, { minLength: 1, maxLength: 5 }))
const bias = fc.double({ min: -100, max: 100, noNaN: true })
/** A vocabulary of a hundred tokens; the tokens of a text are its UTF-16 units. */
const context = (vocabularySize: number): TokenContext => ({
  vocabularySize,
  stopTokenIds: [],
  encodeWord: async (text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i) % 100),
  limit: vocabularySize,
  absent: [],
})

/** Lists as the addon reads them: a length, and so many tokens. */
function listsOf(flat: Int32Array): number[][] {
  const lists: number[][] = []
  for (let i = 0; i < flat.length; i += 1 + (flat[i] ?? 0)) lists.push([...flat.slice(i + 1, i + 1 + (flat[i] ?? 0))])
  return lists
}

t.test('lists of tokens reach the addon as they were given, texts as their tokens', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(sequence, bias), { maxLength: 10 }), async (pairs) => {
      if (!logitBias.accepts(pairs)) return false
      const badWordsIds = pairs.flatMap(([one]) => (typeof one === 'number' ? [] : [one]))
      if (!words.accepts(badWordsIds)) return false
      const { encodeWord } = context(100)
      const tokensOf = async (one: number | string | number[]) =>
        typeof one === 'string' ? await encodeWord(one) : [one].flat()
      const found = await resolveTokens(context(100), { logitBias: pairs, badWordsIds })
      const expected = await Promise.all(pairs.map(([one]) => tokensOf(one)))
      const expectedWords = await Promise.all(badWordsIds.map(tokensOf))
      return (
        JSON.stringify(listsOf(found.logitBias)) === JSON.stringify(expected) &&
        JSON.stringify(found.logitBiasValues) === JSON.stringify(pairs.map(([, value]) => value)) &&
        JSON.stringify(listsOf(found.badWordsIds)) === JSON.stringify(expectedWords)
      )
    }),
    fixed,
  )
  t.pass()
})

t.test('a token id that the model does not have is refused by name, in any list', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(id, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 99 }),
      async (ids, size) => {
        const bad = ids.some((token) => token >= size)
        for (const options of [{ suppressTokens: ids }, { badWordsIds: [ids] }, { logitBias: [[ids, 1] as const] }]) {
          const error = await resolveTokens(context(size), options).then(
            () => undefined,
            (error: unknown) => error,
          )
          const refused = error instanceof LLMError && error.code === 'ERR_TOKEN_ID'
          if (refused !== bad) return false
          if (refused && !error.message.includes(Object.keys(options)[0] ?? '?')) return false
        }
        return true
      },
    ),
    { ...fixed, numRuns: 200 },
  )
  t.pass()
})
