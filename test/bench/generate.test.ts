import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { run } from './modules.js'

const source = 'test/fixtures/ir/tiny-phi3'
const tiny = {
  layers: 4,
  hidden: 96,
  heads: 6,
  kvHeads: 3,
  headDim: 32,
  ffn: 160,
  vocabulary: 700,
  context: 512,
  slidingWindow: 100,
  group: 32,
}
const bits: Record<string, number> = { u4: 4, u8: 8, boolean: 8, f16: 16, f32: 32, i32: 32, i64: 64 }

interface Const {
  name: string
  type: string
  shape: number[]
  offset: number
  size: number
}

/** Every constant of a graph. */
function constants(xml: string): Const[] {
  const pattern =
    /<layer id="\d+" name="([^"]+)" type="Const"[^>]*>\s*<data element_type="(\w+)" shape="([^"]*)" offset="(\d+)" size="(\d+)"/g
  return [...xml.matchAll(pattern)].map(([, name = '', type = '', shape = '', offset, size]) => ({
    name,
    type,
    shape: shape.split(',').filter(Boolean).map(Number),
    offset: Number(offset),
    size: Number(size),
  }))
}

async function writeIr(folder: string, shape: object): Promise<{ xml: string; bin: Buffer }> {
  const { error } = await run(
    ['generate/ir'],
    `writeIr(${JSON.stringify(source)}, ${JSON.stringify(folder)}, ${JSON.stringify(shape)})`,
  )
  if (error) throw new Error(error)
  return {
    xml: readFileSync(join(folder, 'openvino_model.xml'), 'utf8'),
    bin: readFileSync(join(folder, 'openvino_model.bin')),
  }
}

t.test('halves are rounded to nearest', async (t) => {
  const { result } = await run(
    ['generate/float16'],
    '[1, 0.5, 1.5, 65504, 2 ** -14, 1 + 1 / 2048 + 1e-6, 1.99999].map(float16)',
  )
  t.same(result, [0x3c00, 0x3800, 0x3e00, 0x7bff, 0x0400, 0x3c01, 0x4000])
  t.match((await run(['generate/float16'], 'float16(1e-6)')).error, /normal half/)
})

t.test('a graph is written as it was read', async (t) => {
  const read = `parseGraph(process.getBuiltinModule('fs').readFileSync('${source}/openvino_model.xml', 'utf8'))`
  const program = `((graph) => ({ layers: graph.layers.length, edges: graph.edges.length, again: JSON.stringify(parseGraph(formatGraph(graph))) === JSON.stringify(graph) }))(${read})`
  t.strictSame((await run(['generate/graph'], program)).result, { layers: 513, edges: 595, again: true })
})

t.test('enlarged to its own size, a model keeps every constant but the weights', async (t) => {
  const config = JSON.parse(readFileSync(join(source, 'config.json'), 'utf8'))
  const { result: shape } = await run(['generate/ir'], `shapeOf(${JSON.stringify(config)})`)
  const made = await writeIr(t.testdir({}), shape as object)
  const bin = readFileSync(join(source, 'openvino_model.bin'))
  const before = constants(readFileSync(join(source, 'openvino_model.xml'), 'utf8'))
  const after = constants(made.xml)
  t.same(
    after.map(({ name, type, shape, size }) => ({ name, type, shape, size })),
    before.map(({ name, type, shape, size }) => ({ name, type, shape, size })),
  )
  const bytes = (from: Buffer, { offset, size }: Const) => from.subarray(offset, offset + size).toString('hex')
  for (const [i, constant] of before.entries()) {
    if (/weight/.test(constant.name) || constant.shape.at(-1) === 64) continue
    // pow() of this machine may differ in the last bit.
    if (constant.name.includes('rotary_emb')) continue
    t.equal(bytes(made.bin, after[i] as Const), bytes(bin, constant), constant.name)
  }
})

for (const [what, shape] of [
  ['grouped keys', tiny],
  ['keys of each head', { ...tiny, kvHeads: 6 }],
] as const) {
  t.test(`an IR of any shape is consistent, loads and answers: ${what}`, async (t) => {
    const folder = t.testdir({})
    const { xml, bin } = await writeIr(folder, shape)
    const all = constants(xml)
    const spans = new Map<number, number>()
    for (const { name, type, shape, offset, size } of all) {
      const values = shape.reduce((product, dim) => product * dim, 1)
      t.equal(size, Math.ceil((values * (bits[type] ?? Number.NaN)) / 8), `size of ${name}`)
      t.ok(offset + size <= bin.length, `end of ${name}`)
      t.equal(spans.get(offset) ?? size, size, `${name} shares all of its bytes or none`)
      spans.set(offset, size)
    }
    let end = 0
    for (const [offset, size] of [...spans].sort(([a], [b]) => a - b)) {
      t.ok(offset >= end, `nothing overlaps at ${offset}`)
      end = offset + size
    }
    const ids = [...xml.matchAll(/<layer id="(\d+)"/g)].map(([, id]) => id)
    const names = [...xml.matchAll(/<layer id="\d+" name="([^"]+)"/g)].map(([, name]) => name)
    t.equal(new Set(ids).size, ids.length, 'ids are unique')
    t.equal(new Set(names).size, names.length, 'names are unique')
    for (const [, from, to] of xml.matchAll(/from-layer="(\d+)" from-port="\d+" to-layer="(\d+)"/g)) {
      if (!ids.includes(from) || !ids.includes(to)) t.fail(`an edge from ${from} to ${to}, which is not there`)
    }
    const variables = new Set([...xml.matchAll(/variable_id="([^"]+)"/g)].map(([, id]) => id))
    t.equal(variables.size, 2 * shape.layers, 'a cache of keys and of values for each decoder layer')
    t.notMatch(xml, /<dim>/, 'no size of the small model is left')
    const weights = all.filter(({ name }) => /layers\.3\.mlp\.down_proj\.weight$/.test(name))
    t.same(
      weights.map(({ shape }) => shape),
      [[96, 5, 32]],
    )

    const numbers = new Set(
      all
        .filter(({ type, shape }) => type === 'i64' && shape.join() === '1')
        .map(({ offset }) => bin.readBigInt64LE(offset)),
    )
    // Axes and ends; queries, queries and keys, a head, half of it for rotary embeddings; heads of keys, how often repeated.
    const sizes = [192, 192 + 32 * shape.kvHeads, 32, 16, shape.kvHeads, ...(shape.kvHeads < 6 ? [2] : [])]
    t.same([...numbers].sort(), [...new Set([-1n, 0n, 1n, 2n, 3n, 2n ** 63n - 1n, ...sizes.map(BigInt)])].sort())

    const path = JSON.stringify(join(folder, 'openvino_model.xml'))
    const chained = `((graph) => {
      const needed = new Index(graph).ancestors(graph.layers.filter(({ type }) => type === 'Result').map(({ id }) => id))
      return graph.layers.filter(({ id, name }) => needed.has(id) && name.endsWith('down_proj.weight')).length
    })(parseGraph(process.getBuiltinModule('fs').readFileSync(${path}, 'utf8')))`
    t.equal((await run(['generate/graph'], chained)).result, shape.layers, 'the logits need every decoder layer')

    const llm = await LLM.load(folder)
    t.teardown(() => llm.close())
    t.match(llm.info, { vocabularySize: 700, contextLength: 512 })
    // Past the sliding window. Logits that are not finite would be an error.
    const prompt = { tokens: Array.from({ length: 120 }, (_, i) => (i * 37) % 700) }
    const { tokens } = await llm.generate(prompt, { maxNewTokens: 12, temperature: 0, ignoreEos: true })
    t.equal(tokens.length, 12)
    t.ok(new Set(tokens).size > 1, `${tokens} is not always the same token`)
  })
}

t.test(
  'a mixture of experts of any shape loads and answers, and its experts are found; a GGUF of it has them stacked',
  async (t) => {
    const folder = t.testdir({})
    const experts = { count: 7, each: 2 }
    const shape = { ...tiny, hidden: 128, heads: 4, kvHeads: 2, headDim: 64, ffn: 96, slidingWindow: 0, experts }
    const [from, to] = [JSON.stringify('test/fixtures/ir/tiny-qwen3-moe'), JSON.stringify(folder)]
    t.same(await run(['generate/ir'], `writeIr(${from}, ${to}, ${JSON.stringify(shape)})`), {})
    await using llm = await LLM.load(folder, { cpuKernel: 'builtin' })
    t.equal(llm.info.kernels.find(({ scheme }) => scheme.endsWith('experts'))?.layers, 3 * shape.layers)
    const { tokens } = await llm.generate({ tokens: [5, 9] }, { maxNewTokens: 3, ignoreEos: true })
    t.equal(tokens.length, 3)
    const file = join(folder, 'model.gguf')
    t.same(await run(['generate/gguf'], `writeGguf(${JSON.stringify(file)}, ${JSON.stringify(shape)})`), {})
    const { metadata, tensorInfos } = await gguf(file, { allowLocalFile: true })
    t.match(metadata, { 'llama.expert_count': 7, 'llama.expert_used_count': 2 })
    t.same(tensorInfos.find(({ name }) => name === 'blk.3.ffn_down_exps.weight')?.shape, [96n, 128n, 7n])
  },
)

t.test('a shape that does not fit the groups is refused', async (t) => {
  await t.rejects(writeIr(t.testdir({}), { ...tiny, ffn: 150 }), {
    message: /down_proj: 150 columns are not groups of 32/,
  })
})

t.test('a GGUF of the same shape', async (t) => {
  const folder = t.testdir({})
  const path = join(folder, 'model.gguf')
  t.equal(
    (await run(['generate/gguf'], `writeGguf(${JSON.stringify(path)}, ${JSON.stringify(tiny)})`)).error,
    undefined,
  )
  const { metadata, tensorInfos, tensorDataOffset } = await gguf(path, { allowLocalFile: true })
  t.match(metadata, {
    'general.architecture': 'llama',
    'llama.block_count': 4,
    'llama.attention.head_count_kv': 3,
    'llama.rope.dimension_count': 32,
    'llama.feed_forward_length': 160,
  })
  t.equal((metadata as unknown as Record<string, string[]>)['tokenizer.ggml.tokens']?.length, 700)
  t.equal(tensorInfos.length, 3 + 9 * tiny.layers)
  const find = (name: string) => tensorInfos.find((info) => info.name === name)
  t.same(find('blk.3.attn_k.weight')?.shape.map(Number), [96, 96])
  t.same(find('blk.0.ffn_down.weight')?.shape.map(Number), [160, 96])
  t.equal(statSync(path).size % 32, 0, 'the last tensor is padded')
  const last = tensorInfos.at(-1)
  const lastBytes = (160 * 96 * 18) / 32
  t.equal(statSync(path).size, Number(tensorDataOffset) + Number(last?.offset) + Math.ceil(lastBytes / 32) * 32)
  // Every block begins with its scale.
  const start = Number(tensorDataOffset) + Number(last?.offset)
  const bytes = readFileSync(path).subarray(start, start + lastBytes)
  const scales = new Set(Array.from({ length: lastBytes / 18 }, (_, block) => bytes.readUInt16LE(block * 18)))
  t.equal(scales.size, 1)
})

t.test('the scales of blocks are in place wherever a part ends', async (t) => {
  const fill = `(() => {
    const content = blocks(50, 18, 1)
    const target = new Uint8Array(content.bytes)
    const noise = { fill: (part) => part.fill(7) }
    for (let place = 0, length = 1; place < target.length; place += length, length = (length % 23) + 1)
      content.fill(noise, target.subarray(place, Math.min(target.length, place + length)))
    return [...target]
  })()`
  const bytes = (await run(['generate/content'], fill)).result as number[]
  const wrong = bytes.filter((byte, i) => byte !== (i % 18 === 0 ? 0x00 : i % 18 === 1 ? 0x3c : 7))
  t.same(wrong, [])
})
