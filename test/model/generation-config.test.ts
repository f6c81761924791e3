import t from 'tap'
import { readGenerationConfig, readStopStrings } from '#lib/model/generation-config.js'
import { JsonObject } from '#lib/model/json-object.js'

const config = (fields: Record<string, unknown>) => new JsonObject('generation_config.json', fields)
const read = (fields: Record<string, unknown>) => readGenerationConfig(config(fields), 100)

t.test('fields that are applied', async (t) => {
  const source = 'generation_config.json'
  t.strictSame(read({ do_sample: true, temperature: 0.6, top_p: 0.9, top_k: 50, max_new_tokens: 7 }), {
    source,
    options: { maxNewTokens: 7, temperature: 0.6, doSample: true, topK: 50, topP: 0.9 },
    unsupported: [],
  })
  t.strictSame(read({ temperature: null, eos_token_id: 3 }), { source, options: {}, unsupported: [] })
  t.strictSame(readStopStrings(undefined), [])
  t.strictSame(readStopStrings(config({})), [])
  t.strictSame(readStopStrings(config({ stop_strings: 'end' })), ['end'])
  t.strictSame(readStopStrings(config({ stop_strings: ['a', 'b'] })), ['a', 'b'])
})

t.test('fields that would change the answer are named', async (t) => {
  t.strictSame(read({ guidance_scale: 1.5, penalty_alpha: 0.6, forced_decoder_ids: [5], max_length: 20 }).unsupported, [
    'forced_decoder_ids [5]',
    'guidance_scale 1.5',
    'penalty_alpha 0.6',
    'max_length 20',
  ])
  t.strictSame(read({ guidance_scale: 1.0, penalty_alpha: 0, force_words_ids: [], max_length: 100 }).unsupported, [])
  t.strictSame(read({ max_length: 20, max_new_tokens: 5 }).unsupported, [])
})

t.test('wrong fields', async (t) => {
  const all = (fields: Record<string, unknown>) => [read(fields), readStopStrings(config(fields))]
  for (const [name, value] of [
    ['do_sample', 1],
    ['temperature', -1],
    ['temperature', 'hot'],
    ['top_p', 0],
    ['top_p', 1.5],
    ['top_k', -1],
    ['top_k', 2.5],
    ['max_new_tokens', 0],
    ['stop_strings', [1]],
    ['stop_strings', ''],
    ['stop_strings', ['']],
    ['max_length', 'x'],
  ] as const)
    t.throws(() => all({ [name]: value }), {
      code: 'ERR_MODEL_INVALID',
      message: new RegExp(`generation_config.json: expected "${name}"`),
    })
})
