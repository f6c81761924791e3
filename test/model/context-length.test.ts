import t from 'tap'
import { readContextLength } from '#lib/model/context-length.js'
import { JsonObject } from '#lib/model/json-object.js'

const read = (config: Record<string, unknown>) => readContextLength(new JsonObject('config.json', config))

t.test('the names of all families', async (t) => {
  for (const name of [
    'max_position_embeddings',
    'n_positions',
    'n_ctx',
    'max_seq_len',
    'seq_length',
    'max_sequence_length',
    'model_max_length',
  ])
    t.strictSame(read({ [name]: 77 }), { contextLength: 77, longRopeBorder: undefined })
  t.equal(read({ n_ctx: 5, max_position_embeddings: 6 }).contextLength, 6)
  t.equal(read({ max_position_embeddings: null, n_ctx: 5 }).contextLength, 5)
})

t.test('Qwen of 2023 ends at its trained length, or where its exports do', async (t) => {
  const qwen = { use_dynamic_ntk: true, seq_length: 2048 }
  t.equal(read({ ...qwen, max_position_embeddings: 32768 }).contextLength, 2048)
  t.equal(read({ ...qwen, n_positions: 6144 }).contextLength, 2048, 'the first version')
  t.equal(read({ ...qwen, max_position_embeddings: 1024 }).contextLength, 1024)
  t.equal(read({ ...qwen, seq_length: 8192, max_position_embeddings: 32768 }).contextLength, 4096)
  t.equal(read({ ...qwen, seq_length: null, max_position_embeddings: 32768 }).contextLength, 4096)
  t.equal(read({ seq_length: 2048, max_position_embeddings: 32768 }).contextLength, 32768, 'another family')
})

t.test('LongRoPE: the original length, where there is more', async (t) => {
  const long = { max_position_embeddings: 128 }
  const original = { original_max_position_embeddings: 32 }
  const both = { contextLength: 128, longRopeBorder: 32 }
  t.strictSame(read({ ...long, rope_scaling: { type: 'su' }, ...original }), both)
  t.strictSame(read({ ...long, rope_scaling: { rope_type: 'longrope', ...original } }), both)
  t.strictSame(read({ ...long, rope_parameters: { rope_type: 'longrope', ...original } }), both)
  const none = { contextLength: 128, longRopeBorder: undefined }
  const whole = { type: 'longrope', original_max_position_embeddings: 128 }
  t.strictSame(read({ ...long, rope_scaling: whole }), none)
  t.strictSame(read({ ...long, rope_scaling: { type: 'yarn', ...original } }), none)
  t.strictSame(read({ ...long, rope_scaling: null, ...original }), none)
})

t.test('wrong fields', async (t) => {
  for (const value of ['x', 0, -1, 1.5, true, [], {}])
    t.throws(() => read({ n_ctx: value }), {
      code: 'ERR_MODEL_INVALID',
      message: /expected "n_ctx" to be a positive integer/,
    })
  t.throws(() => read({ n_ctx: 8, rope_scaling: { type: 'su', original_max_position_embeddings: 'x' } }), {
    code: 'ERR_MODEL_INVALID',
    message: /"rope_scaling\.original_max_position_embeddings"/,
  })
})
