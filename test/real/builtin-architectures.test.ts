import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { run } from '../bench/modules.js'
import { exact } from '../llm/fixtures.js'

// Built-in operations are found by pattern, and each architecture writes its layers in a way of its own: exports of
// optimum-intel in 4 bits compute the same with them and with OpenVINO's plain graph.
const folder = '../shared/fixtures/architectures'
const skip = existsSync(folder) ? false : `the exports of other model types are not here (${folder})`

/** Without those whose graphs have loops, which bench/generate/recompress.mjs does not read. */
const models = [
  'bloom',
  'falcon-7b',
  'gemma2',
  'gemma3_text',
  'gpt_neo',
  'gpt_oss',
  'lfm2',
  'llama-dynamic',
  'llama4_text',
  'mamba',
  'mixtral-sw16',
  'mpt',
  'opt',
  'phi4mini',
  'qwen3',
  'qwen3_moe',
  'xglm',
]

async function answersOf(model: string, engine: 'auto' | 'stateful', cpuKernel: 'builtin' | 'openvino') {
  const options = {
    engine,
    cpuKernel,
    activationQuantization: 'off',
    ovConfig: exact,
    onWarning: () => undefined,
  } as const
  await using llm = await LLM.load(model, options)
  const layers = llm.info.kernels.filter(({ kernel }) => kernel !== 'openvino').length
  const answers = [1, 7, 20].map(async (length) => {
    const tokens = Array.from({ length }, (_, i) => 3 + ((i * 37 + length) % 190))
    const options = { maxNewTokens: 8, temperature: 0, ignoreEos: true, logprobs: 1 }
    const { tokens: answer, logprobs = [] } = await llm.generate({ tokens }, options)
    return { answer, logprobs: logprobs.map(({ logprob }) => logprob) }
  })
  return { layers, answers: await Promise.all(answers) }
}

t.test('built-in operations compute what the plain graph of each architecture does', { skip }, async (t) => {
  for (const name of models) {
    await t.test(name, async (t) => {
      const model = join(t.testdir({}), 'model')
      const places = [join(folder, name), model, 'int4-sym-g32'].map((text) => JSON.stringify(text))
      t.equal((await run(['generate/recompress'], `recompress(${places})`)).error, undefined)
      for (const engine of ['auto', 'stateful'] as const) {
        const plain = await answersOf(model, engine, 'openvino')
        const own = await answersOf(model, engine, 'builtin')
        t.equal(plain.layers, 0)
        t.ok(own.layers > 0, 'built-in kernels compute')
        for (const [i, { answer, logprobs }] of own.answers.entries()) {
          t.strictSame(answer, plain.answers[i]?.answer, `${engine}, tokens of answer ${i}`)
          const far = logprobs.map((logprob, k) => Math.abs(logprob - (plain.answers[i]?.logprobs[k] ?? Number.NaN)))
          t.ok(logprobs.length === 8 && far.every((one) => one < 1e-4), `${engine}: ${Math.max(...far)} apart`)
        }
      }
    })
  }
})
