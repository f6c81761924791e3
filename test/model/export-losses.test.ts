import t from 'tap'
import { readExportLosses } from '#lib/model/export-losses.js'
import { JsonObject } from '#lib/model/json-object.js'

const losses = (config: Record<string, unknown>) => readExportLosses(new JsonObject('config.json', config), 4096)

t.test('what exports leave out is known from config.json, with what mends it', async (t) => {
  t.same(losses({}), [])
  t.match(losses({ model_type: 'falcon_mamba' }), [/slightly other logits/])
  t.same(losses({ model_type: 'toString' }), [])
  t.match(losses({ attn_logit_softcapping: 50 }), [/attn_logit_softcapping 50/])
  t.throws(() => losses({ attn_logit_softcapping: -1 }), { code: 'ERR_MODEL_INVALID' })
  const dynamic = [/beyond 4096 tokens \(dynamic RoPE scaling\).*the context ends there.*such as yarn/]
  t.match(losses({ rope_scaling: { type: 'dynamic', factor: 2 } }), dynamic, 'as older files say it')
  t.match(losses({ rope_scaling: { rope_type: 'dynamic', factor: 2 } }), dynamic)
  t.match(losses({ rope_parameters: { rope_type: 'dynamic', factor: 2 } }), dynamic)
  t.match(losses({ rope_parameters: { full_attention: { rope_type: 'dynamic' } } }), dynamic)
  t.equal(losses({ rope_scaling: { rope_type: 'dynamic' }, attn_logit_softcapping: 1 }).length, 2)
})

t.test('what exports keep needs no word', async (t) => {
  for (const rope_type of ['default', 'linear', 'yarn', 'llama3', 'longrope'])
    t.same(losses({ rope_scaling: { rope_type } }), [], rope_type)
  t.same(losses({ attn_logit_softcapping: null, rope_scaling: null }), [])
})
