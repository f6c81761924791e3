import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { convertGguf } from '#lib/model/gguf/convert.js'
import { exact } from '../../llm/fixtures.js'
import { type NoiseModel, noiseGguf } from '../noise-gguf.js'

// Tiny models of every architecture that is not refused, in many types of weights: token by token what transformers computes in f32.

const models = JSON.parse(readFileSync('test/fixtures/golden/gguf.json', 'utf8')) as Record<string, NoiseModel>
/** Paged attention does not apply their windows or softcapping; those of qwen35 have states that are no keys and values. */
const stateful = ['phi3-window', 'gemma2', 'gemma3', 'gemma3-linear-rope', 'qwen35', 'qwen35-quantized']

for (const [name, model] of Object.entries(models))
  t.test(name, async (t) => {
    const root = t.testdir({ 'a.gguf': noiseGguf(model) })
    const folder = join(root, 'm')
    await convertGguf(join(root, 'a.gguf'), folder, { check: false })
    for (const engine of ['stateful', 'auto'] as const) {
      await using llm = await LLM.load(folder, { ovConfig: exact, engine })
      if (engine === 'auto') t.equal(llm.info.runner, stateful.includes(name) ? 'stateful' : 'paged')
      // LongRoPE's shorter regime ends the context.
      const room = llm.info.contextLength
      const cases = model.answers.filter(({ prompt, tokens }) => prompt.length + tokens.length <= room)
      t.ok(cases.length >= 2)
      const answer = async (prompt: number[], maxNewTokens = 16) =>
        (await llm.generate({ tokens: prompt }, { temperature: 0, ignoreEos: true, maxNewTokens })).tokens
      for (const { prompt, tokens } of cases) {
        t.strictSame(await answer(prompt, tokens.length), tokens, `${engine}, ${prompt.length} tokens`)
        // Goes on from what is kept of the text before.
        const more = [...prompt, ...tokens.slice(0, -1)]
        t.strictSame(await answer(more, 1), tokens.slice(-1), `${engine}, behind ${more.length - 1} tokens`)
      }
      const together = await Promise.all(cases.map(({ prompt, tokens }) => answer(prompt, tokens.length)))
      t.strictSame(
        together,
        cases.map(({ tokens }) => tokens),
        `${engine}, together`,
      )
    }
  })

t.test('the zero points of Q4_K are not rounded to integers', async (t) => {
  const model = models['llama-Q4_K']
  if (!model) throw new Error('not in the fixture')
  const root = t.testdir({ 'a.gguf': noiseGguf(model) })
  await convertGguf(join(root, 'a.gguf'), join(root, 'm'), { check: false })
  const graph = readFileSync(join(root, 'm', 'openvino_model.xml'), 'utf8')
  const constants = [...graph.matchAll(/type="Const"[^>]*>\s*<data element_type="(\w+)"/g)].map(([, type]) => type)
  t.equal(constants.filter((type) => type === 'u4').length, 9)
  // Left to itself, the front end makes u8 of the zero points of 7 of the 9 tensors.
  t.notOk(constants.includes('u8'))
  t.notOk(constants.includes('i8'))
})

t.test('factors of another length than the heads have are refused', async (t) => {
  const llama = models['llama-3-rope']
  if (!llama) throw new Error('not in the fixture')
  const tensors = { ...llama.tensors, 'rope_freqs.weight': { type: 'F32', dims: [4], values: [1, 1, 1, 1] } }
  const root = t.testdir({})
  writeFileSync(join(root, 'a.gguf'), noiseGguf({ ...llama, tensors }))
  await t.rejects(convertGguf(join(root, 'a.gguf'), join(root, 'm'), { check: false }), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /have 8 frequencies; the file has 4 factors/,
  })
})
