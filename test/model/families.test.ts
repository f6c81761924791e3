import t, { type Test } from 'tap'
import { chatsNeedBos, swallowsSpaces } from '#lib/model/families.js'
import { readFolder } from '#lib/model/folder.js'
import { tiny } from '../llm/fixtures.js'
import { modelFolder } from './model-folder.js'

t.test('Phi-3 chats begin with BOS, others as their files say', async (t) => {
  t.equal(chatsNeedBos('phi3'), true)
  t.equal(chatsNeedBos('llama'), false)
  t.equal((await readFolder(tiny('tiny-phi3'))).text.chatsNeedBos, true)
  t.equal((await readFolder(tiny('tiny-llama'))).text.chatsNeedBos, false)
})

t.test('added tokens swallow spaces in Phi-3 files that add no BOS', async (t) => {
  const phi3 = { architecture: 'phi3', vocabulary: 'llama', addsBos: false }
  t.equal(swallowsSpaces(phi3), true)
  t.equal(swallowsSpaces({ ...phi3, addsBos: true }), false)
  t.equal(swallowsSpaces({ ...phi3, vocabulary: 'gpt2' }), false)
  t.equal(swallowsSpaces({ ...phi3, architecture: 'llama' }), false)
})

/** Whether an export with this config.json is taken, or the error. */
async function taken(t: Test, config: Record<string, unknown>): Promise<true | Error> {
  return readFolder(modelFolder(t, { 'config.json': { max_position_embeddings: 256, ...config } })).then(
    () => true as const,
    (error: Error) => error,
  )
}

t.test('exports that compute other tokens are refused by name', async (t) => {
  for (const model_type of ['deepseek_v3', 'gemma3n_text', 'zamba2'])
    t.match(await taken(t, { model_type }), {
      code: 'ERR_UNSUPPORTED_MODEL',
      message: `model_type ${model_type}: optimum-intel's export of it computes other tokens`,
    })
})

t.test('DeepSeek-V2 is refused where the export leaves out a scale of attention', async (t) => {
  const model_type = 'deepseek_v2'
  const yarn = { type: 'yarn', factor: 40, mscale: 0.75, mscale_all_dim: 0.75 }
  const refusal = { code: 'ERR_UNSUPPORTED_MODEL', message: /deepseek_v2: .*mscale_all_dim in rope_scaling/ }
  t.match(await taken(t, { model_type, rope_scaling: yarn }), refusal)
  t.match(await taken(t, { model_type, rope_parameters: { ...yarn, rope_type: 'yarn' } }), refusal)
  for (const rope_scaling of [null, { ...yarn, mscale_all_dim: 0 }, { ...yarn, factor: 1 }])
    t.equal(await taken(t, { model_type, rope_scaling }), true, JSON.stringify(rope_scaling))
  t.equal(await taken(t, { model_type: 'llama', rope_scaling: yarn }), true)
})
