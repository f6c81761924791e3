import t from 'tap'
import { graphMends } from '#lib/model/gguf/mends.js'
import type { GgufHeader } from '#lib/model/gguf/metadata.js'
import { refuseUnfaithful } from '#lib/model/gguf/refusals.js'
import { JsonObject } from '#lib/model/json-object.js'

const header = (
  architecture: string,
  metadata: Record<string, unknown> = {},
  { tensors = [], factors = {} }: { tensors?: string[]; factors?: Record<string, number[]> } = {},
): GgufHeader => {
  const own = Object.entries({ context_length: 128, block_count: 8, ...metadata })
  return {
    path: 'a.gguf',
    architecture,
    metadata: new JsonObject(
      'a.gguf',
      Object.fromEntries(own.map(([key, value]) => [`${architecture}.${key}`, value])),
    ),
    tensors: new Map(['token_embd.weight', 'blk.7.attn_q.bias', ...tensors].map((name) => [name, [8]])),
    ropeFactors: new Map(Object.entries(factors)),
  }
}

t.test('what would be converted into another model is refused by its cause', async (t) => {
  for (const [architecture, metadata, message, more] of [
    ['qwen35', { 'rope.scaling.type': 'yarn' }, /no graph of a scaled qwen35 was compared/],
    ['qwen35', {}, /no graph of a scaled qwen35/, { factors: { 'rope_freqs.weight': [1] } }],
    [
      'llama',
      { expert_count: 8 },
      /a mixture of 8 experts \("llama\.expert_count"\): its experts become an operation \(GatherMatmul\)/,
    ],
    [
      'mistral3',
      { 'attention.temperature_scale': 0.1 },
      /"mistral3\.attention\.temperature_scale" to be 0,.*found 0\.1/,
    ],
    ['mistral3', { 'rope.scaling.yarn_log_multiplier': 1 }, /yarn_log_multiplier/],
    ['llama', { 'rope.scaling.yarn_beta_fast': 16 }, /yarn_beta_fast" to be 32/],
    ['llama', { 'rope.scale_linear': 4 }, /"llama\.rope\.scale_linear" to be 1/],
    ['llama', { 'attention.clamp_kqv': 8 }, /clamp_kqv/],
    ['llama', { 'attention.causal': false }, /no model that generates text/],
    ['llama', { 'rope.scaling.type': 'dynamic' }, /one of none, linear, yarn, longrope, found "dynamic"/],
    ['llama', { 'rope.scaling.type': 'yarn' }, /beside factors/, { factors: { 'rope_freqs.weight': [1] } }],
    ['llama', { 'rope.scaling.attn_factor': 1.2 }, /without LongRoPE/],
    ['llama', { 'attention.sliding_window': 64 }, /sliding_window" is 64, and which layers/],
    ['gemma2', { block_count: 46 }, /a gemma2 of 46 layers/],
    ['gemma3', { block_count: 62 }, /a gemma3 of 62 layers/],
    ['llama', {}, /tensor "blk\.0\.ffn_up\.bias"/, { tensors: ['blk.0.ffn_up.bias'] }],
    ['llama', {}, /tensor "blk\.0\.ssm_a"/, { tensors: ['blk.0.ssm_a'] }],
    ['qwen3', {}, /tensor "blk\.7\.nextn\.enorm\.weight"/, { tensors: ['blk.7.nextn.enorm.weight'] }],
    ['llama', {}, /tensor "output\.bias"/, { tensors: ['output.bias'] }],
    ['llama', {}, /tensor "blk\.0\.attn_norm\.bias"/, { tensors: ['blk.0.attn_norm.bias'] }],
  ] as const)
    t.throws(() => refuseUnfaithful(header(architecture, metadata, more as object)), {
      code: 'ERR_UNSUPPORTED_MODEL',
      message,
    })
  for (const [architecture, metadata] of [
    ['llama', { expert_count: 0, 'attention.sliding_window': 128, 'rope.scaling.yarn_beta_fast': 32 }],
    ['phi3', { 'attention.sliding_window': 64 }],
    ['gemma2', { 'attention.sliding_window': 64 }],
    ['qwen2', { 'rope.scaling.type': 'yarn', 'rope.scaling.factor': 4 }],
  ] as const)
    t.doesNotThrow(() => refuseUnfaithful(header(architecture, metadata)), architecture)
})

t.test('what the front end leaves out', async (t) => {
  const nothing = {
    ropeFactors: [],
    ropeMagnitude: 1,
    localRopeBase: 0,
    unrotatedLayers: new Int32Array(),
    attentionMask: '',
  }
  t.strictSame(graphMends(header('llama', { 'rope.scaling.factor': 4 })), nothing)
  t.strictSame(graphMends(header('gemma3')), nothing, 'nothing is scaled')
  t.strictSame(graphMends(header('llama', {}, { factors: { 'rope_freqs.weight': [1, 8] } })), {
    ...nothing,
    ropeFactors: [1, 8],
  })
  t.strictSame(graphMends(header('smollm3')), { ...nothing, unrotatedLayers: Int32Array.of(3, 7) })
  t.equal(graphMends(header('gemma3', { 'rope.scaling.factor': 8 })).localRopeBase, 10_000)
  t.equal(graphMends(header('gemma3', { 'rope.scaling.factor': 8, 'rope.freq_base_swa': 5 })).localRopeBase, 5)
  const window = (size: number) => graphMends(header('phi3', { 'attention.sliding_window': size })).attentionMask
  t.strictSame([window(0), window(64), window(128), window(262_144)], ['', 'windowed', 'full', 'full'])
  const factors = { 'rope_factors_short.weight': [1, 2], 'rope_factors_long.weight': [3, 4] }
  const original = { 'rope.scaling.original_context_length': 32 }
  const long = graphMends(header('phi3', original, { factors }))
  t.strictSame(long.ropeFactors, [1, 2])
  t.equal(long.ropeMagnitude, Math.sqrt(1 + Math.log(4) / Math.log(32)))
  t.equal(
    graphMends(header('phi3', { ...original, 'rope.scaling.attn_factor': 1.19 }, { factors })).ropeMagnitude,
    1.19,
  )
})
