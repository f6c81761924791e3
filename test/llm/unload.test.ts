import { renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM, type LoadProgress } from '#lib/index.js'
import { child } from '../lifetime/child.js'
import { modelFolder } from '../model/model-folder.js'
import { exact } from './fixtures.js'
import { nextResidency as next } from './residency.js'

const request = { tokens: [10, 20, 30] }
const greedy = { maxNewTokens: 5, ignoreEos: true, temperature: 0 }

t.test('an idle model leaves memory and comes back for the next request', async (t) => {
  const folder = modelFolder(t)
  const stages: LoadProgress['stage'][] = []
  await using llm = await LLM.load(folder, {
    ovConfig: exact,
    unloadAfter: 0.001,
    onProgress: ({ stage }) => stages.push(stage),
  })
  const first = await llm.generate(request, greedy)
  t.equal((await next('unload')).model, folder)
  t.equal(llm.info.residency, 'unloaded')
  t.match(llm.metrics(), { residency: 'unloaded', activeRequests: 0, blocks: 0 })
  t.same((await llm.detokenize(first.tokens)).length > 0, true, 'the tokenizer stays')

  stages.length = 0
  const again = [next('load'), next('unload')]
  const answers = await Promise.all([llm.generate(request, greedy), llm.generate(request, greedy)])
  for (const { tokens, timings } of answers) {
    t.same(tokens, first.tokens)
    t.ok(timings.load > first.timings.load)
    t.ok(timings.timeToFirstToken >= timings.tokenize + timings.load)
  }
  t.ok(stages.includes('compile'), 'progress is reported')
  await Promise.all(again)
  t.ok(llm.metrics().generatedTokens >= 10, 'sums go on')

  renameSync(join(folder, 'openvino_model.bin'), join(folder, 'away'))
  const [one, other] = await Promise.all([failureOf(oneCaller(llm)), failureOf(otherCaller(llm))])
  for (const error of [one, other]) t.match(error, { code: 'ERR_MODEL_INVALID', message: /openvino_model/ })
  t.not(one, other, 'each request has an error of its own')
  t.equal(one.cause, other.cause)
  t.match([one.stack, other.stack], [/oneCaller/, /otherCaller/])
  t.notMatch(`${one.stack}${(one.cause as Error).stack}`, /otherCaller/)
  t.notMatch(other.stack, /oneCaller/)
  t.match(llm.info, { residency: 'unloaded', health: { state: 'healthy', failures: 0 } })
  renameSync(join(folder, 'away'), join(folder, 'openvino_model.bin'))
  t.same((await llm.generate(request, greedy)).tokens, first.tokens)
})

const oneCaller = (llm: LLM) => llm.generate(request, greedy)
const otherCaller = (llm: LLM) => llm.generate(request, greedy)
const failureOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('it did not fail'),
    (error) => error,
  )

t.test('close of an unloaded model', async (t) => {
  const unloaded = next('unload')
  const llm = await LLM.load(modelFolder(t), { ovConfig: exact, unloadAfter: 0.001 })
  await unloaded
  await llm.close()
  t.equal(llm.info.residency, 'closed')
  t.throws(() => llm.stream(request), { code: 'ERR_CLOSED' })
})

t.test('waiting to unload keeps no process alive', async (t) => {
  const source = `
const llm = await LLM.load(model, { ovConfig, unloadAfter: 3600 })
console.log((await llm.generate(prompt, { ...endless, maxNewTokens: 3 })).tokens.length)`
  t.match(await child(source), { code: 0, signal: null, stderr: '', stdout: '3\n' })
})

t.test('unloadAfter is a number of seconds', async (t) => {
  for (const unloadAfter of [0, -1, Number.POSITIVE_INFINITY, '5', 3e6]) {
    await t.rejects(LLM.load(modelFolder(t), { unloadAfter } as object), { name: 'TypeError', message: /unloadAfter/ })
  }
})
