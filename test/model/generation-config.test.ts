import t from 'tap'
import { readGenerationConfig } from '#lib/model/generation-config.js'
import { JsonObject } from '#lib/model/json-object.js'

const read = (config: Record<string, unknown>) =>
  readGenerationConfig(new JsonObject('generation_config.json', config), 100)

t.test('no file', async (t) =>
  t.strictSame(readGenerationConfig(undefined, 1), { doSample: false, stopStrings: [], unsupported: [] }),
)

t.test('fields that are applied', async (t) => {
  t.strictSame(
    read({ do_sample: true, temperature: 0.6, top_p: 0.9, top_k: 50, max_new_tokens: 7, stop_strings: ['a', 'b'] }),
    {
      doSample: true,
      temperature: 0.6,
      topP: 0.9,
      topK: 50,
      maxNewTokens: 7,
      stopStrings: ['a', 'b'],
      unsupported: [],
    },
  )
  t.strictSame(read({ stop_strings: 'end', temperature: null }), {
    doSample: false,
    stopStrings: ['end'],
    unsupported: [],
  })
})

t.test('fields that would change the answer are named', async (t) => {
  t.strictSame(
    read({ repetition_penalty: 1.1, num_beams: 4, typical_p: 0.9, suppress_tokens: [5], max_length: 20 }).unsupported,
    ['num_beams 4', 'repetition_penalty 1.1', 'suppress_tokens [5]', 'typical_p 0.9', 'max_length 20'],
  )
  t.strictSame(
    read({ repetition_penalty: 1.0, num_beams: 1, typical_p: 1, suppress_tokens: [], max_length: 100 }).unsupported,
    [],
  )
  t.strictSame(read({ max_length: 20, max_new_tokens: 5 }).unsupported, [])
})

t.test('wrong fields', async (t) => {
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
    t.throws(() => read({ [name]: value }), {
      code: 'ERR_MODEL_INVALID',
      message: new RegExp(`generation_config.json: expected "${name}"`),
    })
})
