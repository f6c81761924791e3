import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runJob } from '#lib/engine/job.js'
import { LLM } from '#lib/index.js'
import { exact } from '../llm/fixtures.js'
import { tinyConfig } from '../llm/runners.js'
import { run } from './modules.js'

// Each scheme of weights on a tiny Phi-3 that is wide enough for groups of 128, and the same values in f32 beside it.

const shape = {
  layers: 2,
  hidden: 256,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  ffn: 384,
  vocabulary: 520,
  context: 512,
  slidingWindow: 500,
  group: 32,
}
const weights: Record<string, string[]> = {
  'int4-asym-g32': ['u4', 'u8'],
  'int4-asym-g64': ['u4', 'u8'],
  'int4-asym-g128': ['u4', 'u8'],
  'int4-asym-channel': ['u4', 'u8'],
  'int4-sym-g32': ['i4', 'u8'],
  'int4-sym-g64': ['i4', 'u8'],
  'int4-sym-g128': ['i4', 'u8'],
  'int4-sym-channel': ['i4', 'u8'],
  'int8-asym': ['u8'],
  'int8-sym': ['i8'],
  'int4-int8-mixed': ['u4', 'u8'],
}

async function evaluate(modules: string[], expression: string): Promise<unknown> {
  const { result, error } = await run(modules, expression)
  if (error) throw new Error(error)
  return result
}

const recompress = (source: string, target: string, scheme: string) =>
  evaluate(['generate/recompress'], `recompress(${[source, target, scheme].map((text) => JSON.stringify(text))})`)

t.test('quantized weights are the nearest that their scheme has, and come back', async (t) => {
  const program = `[[4, false, 0], [4, true, 4], [8, false, 4], [8, true, 0]].map(([bits, symmetric, group]) => {
    const values = Float32Array.of(-0.9, -0.6, 0.25, 2, 0, 0, 0, 0)
    const scheme = { bits, symmetric, group }
    const { weights, zeroPoints, ...rest } = quantize(values, 4, scheme)
    return {
      weights: [...weights],
      zeroPoints: zeroPoints && [...zeroPoints],
      values: [...dequantize({ weights, zeroPoints, ...rest }, 8, scheme)],
    }
  })`
  const found = (await evaluate(['generate/quantize'], program)) as Record<string, number[]>[]
  // Steps of 2.9/15, 2/7, 2.9/255 and 2/127; the first weight of two is the low half of its byte.
  t.same(found[0]?.weights?.slice(0, 2), [0x20, 0xf6])
  t.same(found[0]?.zeroPoints, [0x05])
  t.same(found[1]?.weights?.slice(0, 2), [0xed, 0x71])
  t.same(found[2]?.weights?.slice(0, 4), [0, 26, 101, 255])
  t.same(found[2]?.zeroPoints, [79, 0])
  t.same(found[3]?.weights?.slice(0, 4), [256 - 57, 256 - 38, 16, 127])
  for (const [i, { values = [] }] of found.entries()) {
    const step = [2.9 / 15, 2 / 7, 2.9 / 255, 2 / 127][i] as number
    for (const [k, wanted] of [-0.9, -0.6, 0.25, 2, 0, 0, 0, 0].entries()) {
      t.ok(Math.abs((values[k] as number) - wanted) <= step * 0.51, `${i}: ${values[k]} for ${wanted}`)
    }
  }
})

t.test('each scheme computes what its values in f32 do, with either runner', async (t) => {
  const base = join(t.testdir({}), 'base')
  const source = JSON.stringify('test/fixtures/ir/tiny-phi3')
  await evaluate(['generate/ir'], `writeIr(${source}, ${JSON.stringify(base)}, ${JSON.stringify(shape)})`)
  const names = (await evaluate(['generate/recompress'], 'Object.keys(schemes)')) as string[]
  t.same(
    names.filter((name) => name !== 'f32'),
    Object.keys(weights),
  )
  const prompt = { tokens: Array.from({ length: 70 }, (_, i) => (i * 37) % 520) }
  for (const [name, types] of Object.entries(weights)) {
    await t.test(name, async (t) => {
      const folder = join(t.testdir({}), name)
      const plain = `${folder}-f32`
      await recompress(base, folder, name)
      await recompress(folder, plain, 'f32')
      const compare = (reference: string) => {
        const config = (folder: string, runner: 'paged' | 'stateful') => ({
          ...tinyConfig('', runner),
          modelPath: join(folder, 'openvino_model.xml'),
        })
        const tokens = Int32Array.from(prompt.tokens)
        return runJob('compare', { left: config(folder, 'paged'), right: config(reference, 'stateful'), tokens })
      }
      const own = await compare(folder)
      t.ok(own.maxDifference < 1e-3 * own.deviation, `paged and stateful differ by ${own.maxDifference}`)
      const far = await compare(plain)
      t.equal(far.agreeing + far.nearTies, far.positions, 'the most likely token of each position')
      t.ok(far.maxDifference < 0.02 * far.deviation, `${far.maxDifference} from f32, of ${far.deviation}`)
      await using llm = await LLM.load(folder, { ovConfig: exact })
      await using reference = await LLM.load(plain, { ovConfig: exact })
      for (const type of types) t.ok((llm.info.weights[type] ?? 0) > 0, `it has ${type}`)
      t.notOk(
        ['u4', 'i4', 'u8', 'i8'].some((type) => reference.info.weights[type]),
        'the reference has f32 only',
      )
      const options = { maxNewTokens: 12, temperature: 0, ignoreEos: true }
      const { tokens } = await llm.generate(prompt, options)
      t.same(tokens, (await reference.generate(prompt, options)).tokens)
      t.ok(new Set(tokens).size > 3, `${tokens} vary`)
    })
  }
})

t.test('a scheme that is not known is named', async (t) => {
  await t.rejects(recompress('x', 'y', 'int3'), { message: /expected one of f32, .*found int3/ })
})

// The embedding of SmolLM2 takes 27 MB in int8, and a file is written in parts of 16.
t.test('known bytes that are longer than a part of the file', async (t) => {
  const path = join(t.testdir({}), 'bytes')
  const bytes = Buffer.from(Uint8Array.from({ length: 20e6 }, (_, i) => (i * 31) >> 8))
  const program = `(async () => {
    const content = fixed(Uint8Array.from({ length: 20e6 }, (_, i) => (i * 31) >> 8))
    return writePieces(${JSON.stringify(path)}, [0, 20e6].map((offset) => ({ offset, content })), new Noise())
  })()`
  t.equal(await evaluate(['generate/content', 'generate/stream', 'generate/noise'], program), 40e6)
  const written = readFileSync(path)
  t.ok(written.subarray(0, 20e6).equals(bytes))
  t.ok(written.subarray(20e6).equals(bytes), 'the same bytes at another place')
})

t.test('a graph with a loop is refused by the name of its operation', async (t) => {
  const loop =
    '<net><layers><layer id="7" name="delta/loop" type="Loop" version="opset5"><body></body></layer></layers>'
  await t.rejects(evaluate(['generate/graph'], `parseGraph(${JSON.stringify(loop)})`), {
    message: /without loops or branches, found Loop delta\/loop/,
  })
})
