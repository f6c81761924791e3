import t from 'tap'
import { LLM, type LoadOptions } from '#lib/index.js'
import { goldenTiny, tiny } from '../llm/fixtures.js'
import { EmulatedGpu, openclErrors } from './emulated-gpu.js'

// Drivers that do not build a kernel, and memory that is not there while a model loads.

const { prompt = [], greedy = [] } = goldenTiny()['tiny-llama']?.cases.find(({ prompt }) => prompt.length === 20) ?? {}
const gpu = new EmulatedGpu()
t.teardown(() => gpu[Symbol.dispose]())
const load = (options: LoadOptions) =>
  LLM.load(tiny('tiny-llama-fp32'), { precision: 'f32', kvCachePrecision: 'f32', ...options })
// Out of what an earlier load left, OpenVINO would compile once more after a failure.
const ovConfig = { CACHE_DIR: '' }
const buildFailure = -11

t.test('AUTO computes on the CPU when no kernel can be built, and says why', async (t) => {
  const warnings: string[] = []
  gpu.fail({ at: 'build', code: buildFailure })
  await using llm = await load({
    device: 'AUTO',
    onWarning: ({ code, message }) => warnings.push(`${code}: ${message}`),
  })
  gpu.mend()
  t.ok(gpu.get('failed') > 0)
  t.match(llm.info, { device: 'CPU', deviceReason: /GPU.* could not open the model: .*CL_BUILD_PROGRAM_FAILURE/s })
  t.same(warnings, [`device: ${llm.info.deviceReason}`])
  const { tokens } = await llm.generate({ tokens: prompt }, { temperature: 0, ignoreEos: true, maxNewTokens: 8 })
  t.same(tokens, greedy.slice(0, 8))
})

for (const engine of ['paged', 'stateful'] as const) {
  t.test(`${engine}: a load that fails has a code, and the next one succeeds`, async (t) => {
    gpu.fail({ at: 'build', code: buildFailure })
    const code = engine === 'paged' ? 'ERR_UNSUPPORTED_MODEL' : 'ERR_ENGINE'
    await t.rejects(load({ device: 'GPU', engine, ovConfig }), { code, message: /CL_BUILD_PROGRAM_FAILURE/ })
    // While constants are copied, while kernels are chosen, and in the warm-up.
    for (const after of [0, 20, 40, 60, 80]) {
      gpu.fail({ at: 'allocate', code: openclErrors.CL_MEM_OBJECT_ALLOCATION_FAILURE, after, times: 1 })
      await t.rejects(
        load({ device: 'GPU', engine, ovConfig }),
        { code: 'ERR_OUT_OF_MEMORY', message: /Can not allocate/ },
        `${after}`,
      )
      t.equal(gpu.get('failed'), 1)
    }
    gpu.mend()
    await using llm = await load({ device: 'GPU', engine, ovConfig })
    const { tokens } = await llm.generate({ tokens: prompt }, { temperature: 0, ignoreEos: true, maxNewTokens: 8 })
    t.same(tokens, greedy.slice(0, 8))
  })
}
