import t from 'tap'
import { LLM } from '#lib/index.js'
import { goldenTiny, tiny } from '../llm/fixtures.js'
import { EmulatedGpu, openclErrors } from './emulated-gpu.js'

// A driver that resets, memory that others took, a laptop that slept: OpenCL's calls fail from then on, for a while or for ever.

const { prompt = [], greedy = [] } = goldenTiny()['tiny-llama']?.cases.find(({ prompt }) => prompt.length === 20) ?? {}
const request = { tokens: prompt }
const options = { temperature: 0, ignoreEos: true, maxNewTokens: 12 } as const
const gpu = new EmulatedGpu()
t.teardown(() => gpu[Symbol.dispose]())
const expected = greedy.slice(0, 12)
const load = (engine: 'paged' | 'stateful') =>
  LLM.load(tiny('tiny-llama-fp32'), { device: 'GPU', engine, precision: 'f32', kvCachePrecision: 'f32' })
const ofMemory = ['CL_MEM_OBJECT_ALLOCATION_FAILURE', 'CL_OUT_OF_HOST_MEMORY']

for (const engine of ['paged', 'stateful'] as const) {
  // What the plugin's states have seen of a failed step ruins later ones, so the stateful engine is opened anew.
  t.test(`${engine}: a call fails in the middle of an answer, once`, async (t) => {
    await using llm = await load(engine)
    t.same((await llm.generate(request, options)).tokens, expected)
    for (const [at, after] of [
      ['enqueue', 40],
      ['wait', 0],
      ['wait', 1],
    ] as const) {
      for (const [name, number] of Object.entries(openclErrors)) {
        gpu.fail({ at, code: number, after, times: 1 })
        // The plugin writes the name, or the number alone.
        const message = new RegExp(`${name}|failed with ${number} code`)
        const code = ofMemory.includes(name) ? 'ERR_OUT_OF_MEMORY' : 'ERR_ENGINE'
        await t.rejects(llm.generate(request, options), { code, message }, `${at}: ${name}`)
        t.equal(gpu.get('failed'), 1)
        t.same((await llm.generate(request, options)).tokens, expected, `${at}: after ${name}`)
      }
    }
  })

  t.test(`${engine}: every call fails until the device is back`, async (t) => {
    await using llm = await load(engine)
    gpu.fail({ at: 'enqueue', code: openclErrors.CL_DEVICE_NOT_AVAILABLE })
    const failing = Array.from({ length: 4 }, () => t.rejects(llm.generate(request, options), { code: 'ERR_ENGINE' }))
    await Promise.all(failing)
    gpu.mend()
    t.same((await llm.generate(request, options)).tokens, expected, 'opened anew')
  })
}

t.test('stateful: its states find no memory', async (t) => {
  await using llm = await load('stateful')
  gpu.fail({ at: 'allocate', code: openclErrors.CL_OUT_OF_RESOURCES, times: 1 })
  await t.rejects(llm.generate(request, options), { code: 'ERR_OUT_OF_MEMORY', message: /Can not allocate/ })
  t.same((await llm.generate(request, options)).tokens, expected)
})
