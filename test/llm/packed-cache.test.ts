import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LLM, type LoadOptions, type ModelWarning } from '#lib/index.js'
import { exact, tiny } from './fixtures.js'

// The file of packed weights, from the outside. By itself: test/native/kernels/packed_file_test.cc.

const options: LoadOptions = { cpuKernel: 'builtin', packedCacheBytes: Number.POSITIVE_INFINITY, ovConfig: exact }
const prompt = { tokens: Array.from({ length: 30 }, (_, i) => (i * 31 + 7) % 480) }

/** Loads, answers, closes: where the weights lay, the answer, and what was warned of. */
async function answer(model: string, changes: LoadOptions = {}) {
  const warnings: ModelWarning[] = []
  await using llm = await LLM.load(tiny(model), { ...options, ...changes, onWarning: (one) => void warnings.push(one) })
  const { tokens } = await llm.generate(prompt, { maxNewTokens: 24, ignoreEos: true })
  return { packed: llm.info.packed, tokens, warnings }
}

function useCache(t: Test): string {
  const cache = t.testdir({})
  process.env.OPENVINO_LLM_CACHE = cache
  t.teardown(() => {
    delete process.env.OPENVINO_LLM_CACHE
  })
  return join(cache, 'packed')
}

/** The file of packed weights that a folder has besides the others. */
function fileIn(folder: string, others: readonly string[] = []): string {
  const files = readdirSync(folder).map((name) => join(folder, name))
  const [file = ''] = files.filter((path) => !others.includes(path))
  return file
}

t.test('the second load maps what the first has packed, and answers the same', async (t) => {
  const folder = useCache(t)
  const written: string[] = []
  for (const model of ['tiny-llama', 'tiny-phi3', 'tiny-phi3-longrope-int8']) {
    const without = await answer(model, { packedCacheBytes: 0 })
    t.equal(without.packed.file, '')
    t.ok(without.packed.bytes > 0)
    const first = await answer(model)
    t.same(first.packed, without.packed)
    const file = fileIn(folder, written)
    const { ino } = statSync(file)
    const second = await answer(model)
    t.same(second.packed, { ...first.packed, file, reused: true })
    t.equal(statSync(file).ino, ino, 'it was not written again')
    written.push(file)
    t.same(first.tokens, without.tokens)
    t.same(second.tokens, without.tokens)
    t.same(
      [without, first, second].flatMap(({ warnings }) => warnings),
      [],
    )
  }
  t.equal(readdirSync(folder).length, 3, 'one file a model')
})

t.test('what is damaged, cut off or of another model is packed anew and replaced', async (t) => {
  const folder = useCache(t)
  const first = await answer('tiny-llama')
  const file = fileIn(folder)
  const whole = readFileSync(file)
  const flipped = Buffer.from(whole)
  flipped.writeUInt8(flipped.readUInt8(flipped.length >> 1) ^ 1, flipped.length >> 1)
  await answer('tiny-phi3')
  const foreign = readFileSync(fileIn(folder, [file]))
  const damages: Record<string, () => void> = {
    'a flipped bit': () => writeFileSync(file, flipped),
    'a truncated file': () => truncateSync(file, whole.length - 4096),
    'an empty file': () => truncateSync(file, 0),
    "another model's file": () => writeFileSync(file, foreign),
  }
  for (const [what, damage] of Object.entries(damages)) {
    damage()
    const again = await answer('tiny-llama')
    t.same(again, first, what)
    t.ok(readFileSync(file).equals(whole), `${what} is replaced`)
  }
  t.equal((await answer('tiny-llama')).packed.reused, true)
})

t.test('two loads at once both answer, and leave one whole file', async (t) => {
  const folder = useCache(t)
  const [one, two] = await Promise.all([answer('tiny-llama'), answer('tiny-llama')])
  t.same(one.tokens, two.tokens)
  t.same([...one.warnings, ...two.warnings], [])
  t.equal(readdirSync(folder).length, 1)
  t.equal((await answer('tiny-llama')).packed.reused, true)
})

t.test('where it cannot be written, a warning says so and the load goes on', async (t) => {
  useCache(t)
  const { bytes } = (await answer('tiny-llama')).packed
  const blocked = t.testdir({ packed: 'a file where the folder should be' })
  process.env.OPENVINO_LLM_CACHE = blocked
  const { packed, tokens, warnings } = await answer('tiny-llama')
  t.same(packed, { bytes, file: '', reused: false })
  t.equal(tokens.length, 24)
  t.match(warnings, [{ code: 'packed-cache', message: /packed weights cannot be kept for the next start \(.+\)/ }])
  t.ok(warnings[0]?.message.startsWith(join(blocked, 'packed')))
})

t.test('nothing is written before an answer', async (t) => {
  const folder = useCache(t)
  await (await LLM.load(tiny('tiny-llama'), options)).close()
  t.same(readdirSync(folder), [])
})

t.test('the size limit is that of the weights', async (t) => {
  const folder = useCache(t)
  const { size } = statSync(join(tiny('tiny-llama'), 'openvino_model.bin'))
  for (const changes of [{ packedCacheBytes: undefined }, { packedCacheBytes: size - 1 }])
    await answer('tiny-llama', changes)
  t.notOk(existsSync(folder), 'by default so small a model is not kept')
  await answer('tiny-llama', { packedCacheBytes: size })
  t.equal(readdirSync(folder).length, 1)
  t.equal((await answer('tiny-llama', { cpuKernel: 'openvino' })).packed.bytes, 0)
  for (const packedCacheBytes of [-1, Number.NaN, '1' as unknown as number]) {
    await t.rejects(answer('tiny-llama', { packedCacheBytes }), { name: 'TypeError', message: /packedCacheBytes/ })
  }
})

t.test('a draft model has none of its own and takes none of the model', async (t) => {
  const folder = useCache(t)
  const { tokens } = await answer('tiny-llama')
  const drafted = await answer('tiny-llama', { draftModel: tiny('tiny-llama') })
  t.same(drafted.tokens, tokens)
  t.equal(drafted.packed.reused, true)
  t.equal(readdirSync(folder).length, 1)
})

t.test('writing a file removes those that were not used for a month', async (t) => {
  const folder = useCache(t)
  const days = (count: number) => new Date(Date.now() - count * 24 * 60 * 60 * 1000)
  await answer('tiny-llama')
  const file = fileIn(folder)
  const old = join(folder, `${'0'.repeat(32)}.bin`)
  const files: Record<string, number> = {
    [old]: 31,
    [`${old}.123.tmp`]: 2,
    [`${file}.456.tmp`]: 0,
    [join(folder, 'mine')]: 99,
  }
  for (const [path, age] of Object.entries(files)) {
    writeFileSync(path, '')
    utimesSync(path, days(age), days(age))
  }
  utimesSync(file, days(31), days(31))
  await answer('tiny-llama')
  t.ok(statSync(file).mtimeMs > days(1).getTime(), 'using it counts')
  await answer('tiny-phi3')
  const other = fileIn(folder, [...Object.keys(files), file])
  t.same(
    readdirSync(folder)
      .map((name) => join(folder, name))
      .sort(),
    [file, `${file}.456.tmp`, other, join(folder, 'mine')].sort(),
  )
})
