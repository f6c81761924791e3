import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { convertGguf } from '#lib/model/gguf/convert.js'
import { joinParts } from '#lib/model/gguf/join.js'
import { partNames } from '#lib/model/gguf/part-names.js'
import { fakeJob } from '../fake-job.js'
import { writeGguf } from '../gguf-writer.js'
import { randomLlama, randomLlamaParts } from '../random-gguf.js'

const names = ['m-00001-of-00003.gguf', 'm-00002-of-00003.gguf', 'm-00003-of-00003.gguf'] as const
const whole = randomLlama()
/** The first part has no tensors, as some that are on the hub. */
const parts = randomLlamaParts(0, 20)
const folderOf = (t: Test, contents: readonly Buffer[] = parts) =>
  t.testdir(Object.fromEntries(contents.map((content, i) => [names[i] as string, content])))
type Test = Pick<typeof t, 'testdir'>

t.test('the names of all parts follow from one', async (t) => {
  t.strictSame(
    partNames('a/m-00002-of-00003.gguf'),
    names.map((name) => `a/${name}`),
  )
  for (const other of [
    'm.gguf',
    'm-00001-of-00001.gguf',
    'm-00004-of-00003.gguf',
    'm-00000-of-00003.gguf',
    'm-1-of-3.gguf',
  ])
    t.equal(partNames(other), undefined, other)
})

t.test('joined, the parts are the file that was split', async (t) => {
  const folder = folderOf(t)
  const paths = names.map((name) => join(folder, name))
  const reports: { stage: string; done: number; total: number }[] = []
  const target = join(folder, 'joined.gguf')
  await joinParts(paths, target, { onProgress: (report) => reports.push(report) })
  t.ok(readFileSync(target).equals(whole))
  t.match(reports.at(-1), { stage: 'join', done: reports[0]?.total })
  await t.rejects(joinParts(paths, target), { code: 'EEXIST' })
})

t.test('parts that do not belong together are refused, and nothing is left', async (t) => {
  const tensors = { 'output_norm.weight': [32] }
  const cases: [contents: Buffer[], error: { code: string; message: RegExp }][] = [
    [
      parts.slice(0, 2),
      { code: 'ERR_MODEL_NOT_FOUND', message: /m-00003-of-00003\.gguf: no such file; .*all of its 3 parts/ },
    ],
    [
      [parts[0]!, parts[2]!, parts[1]!],
      { code: 'ERR_MODEL_INVALID', message: /m-00002.*"split\.no" to be 1, as its name says, found 2/ },
    ],
    [[...randomLlamaParts(5)], { code: 'ERR_MODEL_NOT_FOUND', message: /m-00003/ }],
    [[...randomLlamaParts(5), parts[2]!], { code: 'ERR_MODEL_INVALID', message: /m-00001.*"split\.count" to be 3/ }],
    [
      [parts[0]!, parts[1]!, writeGguf({ 'split.no': 2 }, tensors)],
      { code: 'ERR_MODEL_INVALID', message: /m-00003.*in one part, found it in two/ },
    ],
    [
      [parts[0]!, parts[1]!, writeGguf({ 'split.no': 2, 'split.tensors.count': 99 }, { x: [32] })],
      { code: 'ERR_MODEL_INVALID', message: /expected 99 tensors in all parts, found 21/ },
    ],
    [
      [parts[0]!, parts[1]!, parts[2]!.subarray(0, -4000)],
      { code: 'ERR_MODEL_INVALID', message: /m-00003.*truncated/ },
    ],
    [
      [parts[0]!, Buffer.from('no GGUF, but as long as a header'), parts[2]!],
      { code: 'ERR_MODEL_INVALID', message: /m-00002/ },
    ],
  ]
  for (const [contents, error] of cases) {
    const folder = folderOf(t, contents)
    await t.rejects(
      convertGguf(join(folder, names[0]), join(folder, 'made'), { runJob: fakeJob() }),
      error,
      `${error.message}`,
    )
    t.strictSame(readdirSync(folder), names.slice(0, contents.length))
  }
})

t.test('what fails after the join names the file that was given', async (t) => {
  const first = writeGguf({ 'general.architecture': 'llama', 'general.type': 'adapter', 'split.count': 2 }, { a: [4] })
  const folder = t.testdir({ 'a-00001-of-00002.gguf': first, 'a-00002-of-00002.gguf': writeGguf({}, { b: [4] }) })
  await t.rejects(convertGguf(join(folder, 'a-00002-of-00002.gguf'), join(folder, 'made'), { runJob: fakeJob() }), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /a-00002-of-00002\.gguf: expected "general\.type"/,
  })
})

t.test('an abort ends the join, and leaves nothing', async (t) => {
  const folder = folderOf(t)
  const stop = new AbortController()
  const reason = new Error('enough')
  const target = join(folder, 'joined.gguf')
  const joining = joinParts(
    names.map((name) => join(folder, name)),
    target,
    { signal: stop.signal, onProgress: () => stop.abort(reason) },
  )
  await t.rejects(joining, reason)
  t.strictSame(readdirSync(folder), names)
})

t.test('a split model is loaded by any of its parts, and answers as the whole one', async (t) => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'whole.gguf'), whole)
  const before = process.env.OPENVINO_LLM_CACHE
  process.env.OPENVINO_LLM_CACHE = join(folder, 'cache')
  t.teardown(() => {
    process.env.OPENVINO_LLM_CACHE = before
  })
  const answer = async (name: string): Promise<readonly number[]> => {
    await using llm = await LLM.load(join(folder, name), { precision: 'f32' })
    return (await llm.generate({ tokens: [3, 4, 5] }, { maxNewTokens: 16, ignoreEos: true })).tokens
  }
  const expected = await answer('whole.gguf')
  t.equal(expected.length, 16)
  t.strictSame(await answer(names[1]), expected)
  const converted = readdirSync(join(folder, 'cache/gguf'), { recursive: true }).map(String)
  t.notOk(
    converted.some((path) => path.endsWith('.gguf')),
    'the joined file is not kept',
  )
})
