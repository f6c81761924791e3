import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { NativeCheck } from '#lib/engine/boundary.js'
import { LLMError } from '#lib/errors.js'
import { checkLengths, checkModel } from '#lib/model/check-model.js'
import { readFolder } from '#lib/model/folder.js'
import { judge, verdictFile, verdictFor, writeVerdict } from '#lib/model/verdict.js'
import { fakeJob } from './fake-job.js'
import { modelFolder } from './model-folder.js'

const good: NativeCheck = { positions: 104, agreeing: 104, maxDifference: 0.01, deviation: 1 }
const options = { device: 'CPU', openvino: '2026' }

t.test('faithful: nearly all positions agree and logits are near', async (t) => {
  const faithful = (changed: Partial<NativeCheck>) => judge({ ...good, ...changed }).faithful
  t.equal(faithful({}), true)
  t.equal(faithful({ agreeing: 103 }), true)
  t.equal(faithful({ agreeing: 102 }), false)
  t.equal(faithful({ maxDifference: 0.03 }), false)
  t.equal(faithful({ maxDifference: 0.03, deviation: 4 }), true)
  t.equal(faithful({ maxDifference: Number.POSITIVE_INFINITY }), false)
  t.equal(faithful({ maxDifference: Number.POSITIVE_INFINITY, deviation: Number.NaN }), false)
  t.equal(faithful({ maxDifference: 0, deviation: 0 }), true)
  t.equal(faithful({ maxDifference: 0.1, deviation: 0 }), false)
  t.equal(faithful({ positions: 0, agreeing: 0 }), false)
  t.match(judge({ ...good, agreeing: 90 }).reason, /does not compute .* 90 of 104 positions/)
})

t.test('a stored verdict comes back with the folder, for the same files and OpenVINO', async (t) => {
  const folder = modelFolder(t)
  t.equal((await readFolder(folder)).verdict, undefined)
  const found = await checkModel(await readFolder(folder), { ...options, runJob: fakeJob(undefined, () => good) })
  t.match(found, { faithful: true, openvino: '2026', numbers: good })
  await writeVerdict(folder, found)
  const definition = await readFolder(folder)
  t.strictSame(definition.verdict, found)
  t.strictSame(verdictFor(definition, '2026'), found)
  t.equal(verdictFor(definition, '2027'), undefined)
  appendFileSync(join(folder, 'openvino_model.xml'), '\n')
  t.equal((await readFolder(folder)).verdict, undefined, 'the graph is another one')
})

t.test('numbers that JSON cannot hold are left out', async (t) => {
  const folder = modelFolder(t)
  const infinite = { ...good, maxDifference: Number.POSITIVE_INFINITY }
  const found = await checkModel(await readFolder(folder), { ...options, runJob: fakeJob(undefined, () => infinite) })
  await writeVerdict(folder, found)
  t.strictSame((await readFolder(folder)).verdict, found)
  t.equal(found.faithful, false)
})

t.test('a damaged verdict names the file and the field', async (t) => {
  const folder = modelFolder(t)
  const found = await checkModel(await readFolder(folder), { ...options, runJob: fakeJob(undefined, () => good) })
  await writeVerdict(folder, found)
  const path = join(folder, verdictFile)
  const json = JSON.parse(readFileSync(path, 'utf8'))
  for (const [name, value] of [
    ['faithful', 'yes'],
    ['faithful', undefined],
    ['reason', 5],
    ['openvino', null],
    ['files', []],
  ] as const) {
    writeFileSync(path, JSON.stringify({ ...json, [name]: value }))
    await t.rejects(readFolder(folder), {
      code: 'ERR_MODEL_INVALID',
      message: new RegExp(`${verdictFile}: expected "${name}"`),
    })
  }
  writeFileSync(path, '{')
  await t.rejects(readFolder(folder), { code: 'ERR_MODEL_INVALID', message: new RegExp(verdictFile) })
})

t.test('what cannot be paged is not faithful; what says nothing of the model is an error', async (t) => {
  const definition = await readFolder(modelFolder(t))
  const failing = (error: unknown) => ({ ...options, runJob: fakeJob(undefined, () => Promise.reject(error)) })
  const where = `${definition.modelPath}: `
  t.match(await checkModel(definition, failing(new LLMError('ERR_UNSUPPORTED_MODEL', `${where}no attention`))), {
    faithful: false,
    reason: 'no attention',
    numbers: undefined,
  })
  const others = [
    new LLMError('ERR_ENGINE', 'the stateful runner failed'),
    new LLMError('ERR_DEVICE', 'no AVX2'),
    new LLMError('ERR_OUT_OF_MEMORY', ''),
    new Error('x'),
  ]
  for (const error of others) await t.rejects(checkModel(definition, failing(error)), error)
})

t.test('prompts are shorter and longer than the sliding window, within the context', async (t) => {
  const lengths = (slidingWindow: number | undefined, contextLength: number) =>
    checkLengths({ slidingWindow, contextLength })
  t.same(lengths(undefined, 4096), [24, 80])
  t.same(lengths(undefined, 32), [24, 32])
  t.same(lengths(undefined, 16), [16])
  t.same(lengths(16, 256), [8, 64])
  t.same(lengths(2047, 4096), [24, 2095])
  t.same(lengths(512, 530), [24, 530])
  t.same(lengths(262_144, 4096), [24, 80], 'a window that is never left')
})
