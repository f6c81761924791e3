import t from 'tap'
import { LLM } from '#lib/index.js'
import { tiny } from '../llm/fixtures.js'
import { EmulatedGpu } from './emulated-gpu.js'

// The plugin loads kernels for any shape with the model. Beside steps it builds quicker ones of fully connected layers for numbers of rows
// that it has seen, on a thread of its own. No step waits for them, but they must not become more with each request.

/** Fully connected layers of the tiny Llama that differ: of attention, of its output, of the MLP in and out, and the head. */
const layers = 7
/** Numbers of rows up to 256 that the paged engine computes (native/engine/scheduling/step_rows.h). */
const sizes = 21

t.test('kernels that are built after the load', async (t) => {
  using gpu = new EmulatedGpu()
  const options = { temperature: 0, ignoreEos: true } as const
  const lengths = [3, 5, 9, 13, 17, 21, 26, 31, 37, 45]
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await LLM.load(tiny('tiny-llama-fp32'), { device: 'GPU', engine, precision: 'f32' })
    const loaded = gpu.get('buildsBegun')
    const ask = (length: number, maxNewTokens: number) =>
      llm.generate({ tokens: Array.from({ length }, (_, i) => 5 + i) }, { ...options, maxNewTokens })
    const counts: number[] = []
    for (let round = 0; round < rounds; round++) {
      for (const length of lengths) await ask(length - (round % 3), 4)
      await Promise.all(lengths.map((length) => ask(length + (round % 5), 12)))
      counts.push(gpu.get('buildsBegun') - loaded)
    }
    const { steps } = llm.metrics()
    t.comment(`${engine}: ${loaded} built by the end of the load; after it ${counts.join(', ')} in ${steps} steps`)
    t.ok(steps > 30 * rounds)
    // However the requests come together.
    if (engine === 'paged') t.ok((counts.at(-1) ?? steps) <= layers * sizes, `${engine}: a bounded number of kernels`)
  }
})

/** Each has 20 requests. */
const rounds = Number(process.env['OPENVINO_LLM_TEST_ROUNDS'] ?? 4)
