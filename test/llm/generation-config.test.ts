import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LLM, type ModelWarning } from '#lib/index.js'
import { exact, tiny } from './fixtures.js'

const parent = mkdtempSync(join(tmpdir(), 'openvino-llm-generation-config-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))

/** A tiny model whose generation_config.json has these fields besides its own. */
async function withConfig(name: string, fields: object): Promise<{ llm: LLM; warnings: ModelWarning[] }> {
  const folder = join(parent, name)
  cpSync(tiny('tiny-llama-fp32'), folder, { recursive: true })
  const file = join(folder, 'generation_config.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...fields }))
  const warnings: ModelWarning[] = []
  const llm = await LLM.load(folder, { ovConfig: exact, onWarning: (warning) => warnings.push(warning) })
  return { llm, warnings }
}

const prompt = { tokens: [10, 20, 30] }

t.test('a model that samples by its config samples; a request can make it greedy', async (t) => {
  const { llm } = await withConfig('samples', { do_sample: true, temperature: 3, top_k: 0, max_new_tokens: 30 })
  await using _ = llm
  const options = { ignoreEos: true }
  const greedy = (await llm.generate(prompt, { ...options, temperature: 0 })).tokens
  t.equal(greedy.length, 30, 'max_new_tokens of the file is the default')
  t.equal((await llm.generate(prompt, { ...options, maxNewTokens: 7 })).tokens.length, 7)
  t.notSame((await llm.generate(prompt, options)).tokens, greedy)
  t.same((await llm.generate(prompt, { ...options, doSample: false })).tokens, greedy)
  const seeded = await llm.generate(prompt, { ...options, seed: 5 })
  t.same((await llm.generate(prompt, { ...options, seed: 5 })).tokens, seeded.tokens)
})

t.test('what this version does not apply is warned of, once', async (t) => {
  const { llm, warnings } = await withConfig('penalty', { guidance_scale: 1.5 })
  await using _ = llm
  await llm.generate(prompt, { maxNewTokens: 2 })
  t.match(warnings, [{ code: 'generation-config', message: /generation_config\.json asks for guidance_scale 1\.5/ }])
  t.equal(warnings.length, 1)
})

t.test(
  'num_beams of the config searches, and a request that samples does not; beams that sample are warned of',
  async (t) => {
    const own = { num_beams: 3, early_stopping: true, length_penalty: 0, max_new_tokens: 8 }
    const { llm, warnings } = await withConfig('beams', own)
    await using _ = llm
    const options = { ignoreEos: true }
    const searched = await llm.generate(prompt, options)
    t.type(searched.score, 'number')
    const asked = await llm.generate(prompt, { ...options, numBeams: 3, lengthPenalty: 0 })
    t.same(searched.tokens, asked.tokens)
    t.ok(Math.abs((searched.score ?? 0) - (asked.score ?? 1)) < 1e-3)
    t.ok((searched.score ?? 0) < -8, 'length_penalty 0 of the file makes it the sum')
    t.equal((await llm.generate(prompt, { ...options, temperature: 1 })).score, undefined)
    t.equal((await llm.generate(prompt, { ...options, numBeams: 1 })).score, undefined)
    t.same(warnings, [])
    const both = await withConfig('beams-that-sample', { ...own, do_sample: true })
    await using __ = both.llm
    t.equal((await both.llm.generate(prompt, options)).score, undefined)
    t.match(both.warnings, [{ message: /num_beams 3 with sampling/ }])
  },
)

t.test('end tokens and stop strings of the config count', async (t) => {
  const plain = await withConfig('plain', { max_new_tokens: 12 })
  const { tokens, text } = await plain.llm.generate(prompt, { ignoreEos: true })
  await plain.llm.close()
  const end = tokens[4] as number
  const { llm } = await withConfig('ends', { eos_token_id: [3, end], stop_strings: [text.slice(4, 6)] })
  await using _ = llm
  t.same(llm.info.stopTokenIds.includes(end), true)
  t.ok(llm.info.stopWords.includes(text.slice(4, 6)))
  const stopped = await llm.generate(prompt)
  t.equal(stopped.finishReason, 'stop')
  t.ok(stopped.tokens.length <= tokens.indexOf(end) + 1)
  t.notOk(stopped.text.includes(text.slice(4, 6)))
})

t.test('defaults come from the request, the load, generation_config.json, the model card', async (t) => {
  const folder = join(parent, 'card')
  cpSync(tiny('tiny-llama-fp32'), folder, { recursive: true })
  const card = join(folder, 'README.md')
  writeFileSync(card, '---\ninference:\n  parameters:\n    temperature: 3\n    max_new_tokens: 9\n---\n')
  await using llm = await LLM.load(folder, { ovConfig: exact })
  t.match(llm.info.generationDefaults, {
    temperature: { value: 3, source: 'README.md' },
    doSample: { value: true, source: 'README.md' },
    maxNewTokens: { value: 9, source: 'README.md' },
    topP: { value: 1, source: 'built-in' },
  })
  const options = { ignoreEos: true, maxNewTokens: 30 }
  const greedy = (await llm.generate(prompt, { ...options, temperature: 0 })).tokens
  t.equal(greedy.length, 30)
  t.notSame((await llm.generate(prompt, options)).tokens, greedy, 'the card asks to sample')
  t.equal((await llm.generate(prompt, { ignoreEos: true })).tokens.length, 9)

  await using settled = await LLM.load(folder, { ovConfig: exact, defaults: { temperature: 0, maxNewTokens: 4 } })
  t.match(settled.info.generationDefaults, {
    temperature: { value: 0, source: 'LoadOptions.defaults' },
    doSample: { value: false, source: 'LoadOptions.defaults' },
  })
  t.same((await settled.generate(prompt, { ignoreEos: true })).tokens, greedy.slice(0, 4))
  await t.rejects(LLM.load(folder, { defaults: { temperature: 0, doSample: true } }), { name: 'TypeError' })

  writeFileSync(card, '---\ninference:\n  parameters:\n    temperature: hot\n---\n')
  const warnings: ModelWarning[] = []
  await using doubtful = await LLM.load(folder, { ovConfig: exact, onWarning: (warning) => warnings.push(warning) })
  t.same((await doubtful.generate(prompt, options)).tokens, greedy, 'a bad card ends no load')
  t.match(warnings, [{ code: 'model-card', message: /README\.md: expected "inference\.parameters\.temperature"/ }])
})
