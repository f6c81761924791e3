import t from 'tap'
import { LLM } from '#lib/index.js'
import { tiny } from '../llm/fixtures.js'
import { EmulatedGpu } from './emulated-gpu.js'

// The plugin loads kernels for any shape with the model. Beside steps it builds quicker ones of fully connected layers for numbers of rows
// that it has seen, on a thread of its own. No step waits for them, but they must not become more with each request.

t.test('kernels that are built after the load', async (t) => {
  using gpu = new EmulatedGpu()
  const options = { temperature: 0, ignoreEos: true } as const
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await LLM.load(tiny('tiny-llama-fp32'), { device: 'GPU', engine, precision: 'f32' })
    const loaded = gpu.get('buildsBegun')
    const ask = (length: number, maxNewTokens: number) =>
      llm.generate({ tokens: Array.from({ length }, (_, i) => 5 + i) }, { ...options, maxNewTokens })
    const lengths = [3, 9, 20, 21, 22, 40, 55, 70, 90, 120]
    const counts: number[] = []
    for (let round = 0; round < 3; round++) {
      for (const length of lengths) await ask(length, 4)
      await Promise.all(lengths.map((length) => ask(length, 12)))
      counts.push(gpu.get('buildsBegun') - loaded)
    }
    const { steps } = llm.metrics()
    t.comment(`${engine}: ${loaded} built by the end of the load; after it ${counts.join(', ')} in ${steps} steps`)
    t.ok(steps > 100)
    // How requests come together in steps, and so which numbers of rows there are, differs from round to round.
    const later = (counts[2] ?? steps) - (counts[1] ?? 0)
    t.ok(
      later < steps / counts.length / 5,
      `${engine}: the last of three rounds, ${steps} steps in all, built ${later}`,
    )
  }
})
