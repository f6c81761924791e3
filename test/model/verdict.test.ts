import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { NativeCheck } from '#lib/engine/boundary.js'
import { LLMError } from '#lib/errors.js'
import { readAttentionBorders } from '#lib/model/attention-borders.js'
import { planCheck } from '#lib/model/check-lengths.js'
import { checkModel } from '#lib/model/check-model.js'
import { readFolder } from '#lib/model/folder.js'
import { JsonObject } from '#lib/model/json-object.js'
import { judge, verdictFile, verdictFor, writeVerdict } from '#lib/model/verdict.js'
import { fakeJob } from './fake-job.js'
import { modelFolder } from './model-folder.js'

const good: NativeCheck = { positions: 104, agreeing: 104, maxDifference: 0.01, deviation: 1, windows: [] }
const plan = { lengths: [24, 80], beyond: [] }
const options = { device: 'CPU', openvino: '2026' }

t.test('faithful: nearly all positions agree and logits are near', async (t) => {
  const faithful = (changed: Partial<NativeCheck>) => judge({ ...good, ...changed }, plan).faithful
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
  t.match(judge({ ...good, agreeing: 90 }, plan).reason, /does not compute .* 90 of 104 positions/)
})

t.test('a stored verdict comes back with the folder, for the same files and OpenVINO', async (t) => {
  const folder = modelFolder(t)
  t.equal((await readFolder(folder)).verdict, undefined)
  const found = await checkModel(await readFolder(folder), { ...options, runJob: fakeJob(undefined, () => good) })
  t.match(found, {
    version: 2,
    faithful: true,
    lengths: [24, 80],
    openvino: '2026',
    numbers: { positions: 104, agreeing: 104, maxDifference: 0.01, deviation: 1 },
    reason: /prompts of 24, 80 tokens were compared$/,
  })
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

/** A GPT-Neo whose paged graph is as wrong as if no mask had been proven: whoever looks beyond its window sees it. */
const windowed = { window_size: 128, max_position_embeddings: 256, model_type: 'gpt_neo' }
const wrongBeyond = (window: number, windows: number[] = []) => {
  const asked: number[][] = []
  const runJob = fakeJob(undefined, (_, lengths) => {
    asked.push(lengths)
    const wrong = lengths.some((length) => length > window)
    return { ...good, windows, ...(wrong ? { agreeing: 90, maxDifference: 3 } : {}) }
  })
  return { asked, runJob }
}

t.test('a model that differs beyond its window alone is not faithful', async (t) => {
  const definition = await readFolder(modelFolder(t, { 'config.json': windowed }))
  const { asked, runJob } = wrongBeyond(128)
  const found = await checkModel(definition, { ...options, runJob })
  t.match(found, { faithful: false, lengths: [24, 80, 176], reason: /prompts of 24, 80, 176 tokens were compared$/ })
  t.same(asked, [[24, 80, 176]])
})

t.test('a window that only the graph tells is gone beyond, too', async (t) => {
  const definition = await readFolder(modelFolder(t, { 'config.json': { ...windowed, window_size: null } }))
  const { asked, runJob } = wrongBeyond(128, [16, 128, 4096])
  const found = await checkModel(definition, { ...options, runJob })
  t.match(found, { faithful: false, lengths: [24, 80, 176] })
  t.same(asked, [
    [24, 80],
    [24, 80, 176],
  ])
})

t.test('a border beyond all prompts is said: faithful up to so many tokens', async (t) => {
  const config = { ...windowed, window_size: 100_000, max_position_embeddings: 200_000 }
  const folder = modelFolder(t, { 'config.json': config })
  const { runJob } = wrongBeyond(128)
  const found = await checkModel(await readFolder(folder), { ...options, runJob })
  t.match(found, { faithful: true, faithfulUpTo: 80, lengths: [24, 80], reason: /none beyond window_size 100000$/ })
  await writeVerdict(folder, found)
  t.strictSame((await readFolder(folder)).verdict, found)
})

t.test('a verdict of the older kind is not believed', async (t) => {
  const folder = modelFolder(t)
  const found = await checkModel(await readFolder(folder), { ...options, runJob: fakeJob(undefined, () => good) })
  const { version, lengths, ...older } = found
  writeFileSync(join(folder, verdictFile), JSON.stringify(older))
  const definition = await readFolder(folder)
  t.match(definition.verdict, { version: 1, faithful: true })
  t.equal(verdictFor(definition, '2026'), undefined)
})

t.test('borders are what config.json says of windows, chunks and positions', async (t) => {
  const borders = (config: object, contextLength = 4096) =>
    readAttentionBorders(new JsonObject('config.json', config as Record<string, unknown>), contextLength)
  t.same(borders({}), [])
  t.same(borders({ sliding_window: 512 }), [{ name: 'sliding_window', tokens: 512 }])
  t.same(borders({ sliding_window: 512, use_sliding_window: false }), [])
  t.same(borders({ sliding_window: null, window_size: 256 }), [{ name: 'window_size', tokens: 256 }])
  t.same(borders({ floor_scale: 1024, attention_chunk_size: 128 }), [
    { name: 'attention_chunk_size', tokens: 128 },
    { name: 'floor_scale', tokens: 1024 },
  ])
  t.same(borders({ attn_config: { sliding_window_size: 64 } }), [{ name: 'sliding_window_size', tokens: 64 }])
  t.same(borders({ sliding_window: 4096, window_size: 8192 }), [], 'never reached')
  t.same(borders({ window_size: -1, attention_chunk_size: '8', floor_scale: 1.5, attn_config: 7 }), [])
  const rope = (rope_type: string) => ({ rope_type, original_max_position_embeddings: 1024 })
  const original = [{ name: 'original_max_position_embeddings', tokens: 1024 }]
  t.same(borders({ rope_scaling: rope('longrope') }), original)
  t.same(borders({ rope_scaling: { type: 'su' }, original_max_position_embeddings: 1024 }), original)
  t.same(borders({ rope_parameters: { full_attention: rope('longrope') } }), original)
  t.same(borders({ rope_scaling: rope('llama3') }), [], 'it treats all positions alike')
})

t.test('prompts go beyond every border, within the context and at a bounded cost', async (t) => {
  const lengths = (tokens: number[], contextLength: number) =>
    planCheck(
      tokens.map((border) => ({ name: 'x', tokens: border })),
      contextLength,
    )
  const all = (tokens: number[], contextLength: number) => {
    const { lengths: found, beyond } = lengths(tokens, contextLength)
    t.same(beyond, [], 'nothing is left out')
    return found
  }
  t.same(all([], 4096), [24, 80])
  t.same(all([], 32), [24, 32])
  t.same(all([], 16), [16])
  t.same(all([16], 256), [8, 80])
  t.same(all([128], 256), [24, 80, 176])
  t.same(all([2047], 4096), [24, 80, 2559])
  t.same(all([512], 530), [24, 80, 530])
  t.same(all([262_144], 4096), [24, 80], 'a border that is never reached')
  t.same(all([100, 400, 1000], 4096), [24, 80, 148, 500, 1250])
  t.same(all([5900], 8192), [24, 80, 6040], 'what is left of the cost')
  const many = lengths([100, 200, 300, 400, 500, 600, 700, 800], 4096)
  t.same(many, { lengths: [24, 80, 625, 750, 875, 1000], beyond: [] }, 'the longest goes beyond all')
  const far = lengths([1000, 7000], 16_384)
  t.same(far, { lengths: [24, 80, 1250], beyond: [{ name: 'x', tokens: 7000 }] })
})
