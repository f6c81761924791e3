import { readFileSync } from 'node:fs'
import t from 'tap'
import { ggufFamilies, refusedGgufs } from '#lib/model/families.js'
import { configFiles } from '#lib/model/gguf/configs.js'
import { JsonObject } from '#lib/model/json-object.js'

const base: Record<string, unknown> = {
  'llama.context_length': 128,
  'llama.embedding_length': 8,
  'llama.block_count': 1,
  'llama.attention.head_count': 2,
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.tokens': ['<s>', '<|im_end|>', '<|endoftext|>', 'a'],
  'tokenizer.ggml.token_type': [3, 3, 1, 1],
  'tokenizer.ggml.bos_token_id': 0,
  'tokenizer.ggml.eos_token_id': 0,
}
const files = (more: Record<string, unknown> = {}, architecture = 'llama', tensors: [string, number[]][] = []) => {
  const named = Object.entries({ ...base, ...more }).map(([key, value]) => [
    key.replace(/^llama\./, `${architecture}.`),
    value,
  ])
  return configFiles({
    path: 'a.gguf',
    architecture,
    metadata: new JsonObject('a.gguf', Object.fromEntries(named)),
    tensors: new Map(tensors),
    ropeFactors: new Map(),
  })
}

t.test('config.json', async (t) => {
  t.match(
    files({ 'llama.rope.freq_base': 5000, 'llama.attention.head_count_kv': 1 }, 'llama', [
      ['token_embd.weight', [8, 32]],
    ]).config,
    {
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      max_position_embeddings: 128,
      hidden_size: 8,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      rope_theta: 5000,
      rope_scaling: null,
      vocab_size: 32,
      tie_word_embeddings: true,
      eos_token_id: 0,
    },
  )
  t.equal(files({}, 'smollm3').config.model_type, 'smollm3')
  const guessing = { 'llama.block_count': 5, 'llama.nextn_predict_layers': 1 }
  t.equal(files(guessing, 'qwen35').config.num_hidden_layers, 4, 'a layer that guesses is not computed')
  t.equal(files({ 'llama.context_length': 64n }).config.max_position_embeddings, 64, '64-bit integers')
  t.throws(() => files({}, 'clip'), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /expected "general\.architecture" to be one of llama, .*found "clip": an encoder of images/,
  })
  t.throws(() => files({}, 'qwen2moe'), { code: 'ERR_UNSUPPORTED_MODEL', message: /found "qwen2moe"$/ })
  t.throws(() => files({}, 'constructor'), { code: 'ERR_UNSUPPORTED_MODEL', message: /found "constructor"$/ })
  t.throws(() => files({ 'llama.context_length': undefined }), {
    code: 'ERR_MODEL_INVALID',
    message: /"llama\.context_length" to be a positive integer/,
  })
  t.throws(() => files({}, 'llama', [['token_embd.weight', [8, 3]]]), {
    code: 'ERR_MODEL_INVALID',
    message: /at most 3 tokens.*found 4/,
  })
})

t.test('LongRoPE', async (t) => {
  const factors: [string, number[]][] = [['rope_factors_long.weight', [4]]]
  const original = { 'llama.rope.scaling.original_context_length': 32 }
  t.strictSame(files(original, 'phi3', factors).config.rope_scaling, {
    rope_type: 'longrope',
    original_max_position_embeddings: 32,
  })
  t.equal(files(original, 'phi3').config.rope_scaling, null)
  t.throws(() => files({}, 'phi3', factors), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /"phi3\.rope\.scaling\.original_context_length"/,
  })
})

t.test('every end of a turn stops', async (t) => {
  t.strictSame(
    files().generation,
    { bos_token_id: 0, pad_token_id: undefined, eos_token_id: [0, 1] },
    'a normal token does not',
  )
  t.strictSame(
    files({ 'tokenizer.ggml.eot_token_id': 3, 'tokenizer.ggml.eom_token_id': 2 }).generation.eos_token_id,
    [0, 1, 2, 3],
  )
  const harmony = {
    'tokenizer.ggml.tokens': ['<|return|>', '<|end|>', '<|call|>', 'a'],
    'tokenizer.ggml.token_type': [3, 3, 3, 1],
  }
  t.strictSame(files(harmony).generation.eos_token_id, [0, 2])
  t.throws(() => files({ 'tokenizer.ggml.eos_token_id': 4 }), {
    code: 'ERR_TOKENIZER_INVALID',
    message: /"tokenizer\.ggml\.eos_token_id" to be a token id below 4, found 4/,
  })
})

t.test('every architecture that the front end takes has its verdict, here and in the docs', async (t) => {
  // supported_archs() of OpenVINO 2026.4.1's front end; of a sample of other names, it took none.
  const taken =
    'bailingmoe2 deepseek2-ocr ernie4_5-moe exaone-moe exaone4 gemma gemma2 gemma3 gemma4 glm4moe gpt-oss hunyuan-dense hunyuan-moe jais2 llama ' +
    'llama-embed maincoder mellum minicpm minimax-m2 mistral3 muse-glimmer olmoe phi3 plamo3 qwen2 qwen3 qwen35 qwen3moe smollm3'
  const known = [...Object.keys(ggufFamilies), ...Object.keys(refusedGgufs)].filter((name) => name !== 'clip')
  t.strictSame(known.sort(), taken.split(' ').sort())
  const docs = readFileSync('docs/models-and-conversion.md', 'utf8')
  const row = (name: string): string | undefined =>
    docs.split('\n').find((line) => line.startsWith('|') && line.split('|')[1]?.includes(`\`${name}\``))
  for (const name of Object.keys(ggufFamilies)) t.ok(row(name), name)
  for (const [name, cause] of Object.entries(refusedGgufs)) {
    t.match(row(name), /refused/, name)
    t.ok(row(name)?.includes(cause.replace(/^a mixture of experts: /, '')), `${name}: ${cause}`)
    t.throws(() => files({}, name), { code: 'ERR_UNSUPPORTED_MODEL', message: cause })
  }
})
