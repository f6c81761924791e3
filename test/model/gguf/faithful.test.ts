import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM, type LoadOptions, type ModelWarning } from '#lib/index.js'
import { cachedModel } from '#lib/model/gguf/cached-model.js'
import { convertGguf } from '#lib/model/gguf/convert.js'
import { verdictFile } from '#lib/model/verdict.js'
import { exact } from '../../llm/fixtures.js'
import { randomGemma3, randomLlama } from '../random-gguf.js'

// The real conversion and the real comparison, on models with random weights.

const prompt = { tokens: Array.from({ length: 40 }, (_, i) => (7 * i * i + 3) % 64) }
const greedy = { temperature: 0, ignoreEos: true, maxNewTokens: 30 } as const

/** Loads with each engine: what runs, the answer, and the warnings. */
async function tryEngines(folder: string, engines: readonly NonNullable<LoadOptions['engine']>[]) {
  const found = []
  for (const engine of engines) {
    const warnings: string[] = []
    const onWarning = ({ code }: ModelWarning) => void warnings.push(code)
    await using llm = await LLM.load(folder, { ovConfig: exact, engine, onWarning })
    const { tokens } = await llm.generate(prompt, greedy)
    found.push({ runner: llm.info.runner, verdict: llm.info.verdict, reason: llm.info.runnerReason, tokens, warnings })
  }
  return found
}

t.test('a Llama is computed alike by both engines', async (t) => {
  const root = t.testdir({ 'a.gguf': randomLlama() })
  const stages = new Set<string>()
  const target = join(root, 'm')
  const { verdict, slidingWindow } = await convertGguf(join(root, 'a.gguf'), target, {
    onProgress: ({ stage }) => stages.add(stage),
  })
  t.same([...stages], ['metadata', 'convert', 'check'])
  t.equal(slidingWindow, undefined)
  t.match(verdict, { faithful: true, numbers: { positions: 104, agreeing: 104 } })
  const [auto, stateful] = await tryEngines(target, ['auto', 'stateful'])
  t.match(auto, { runner: 'paged', verdict, warnings: [] })
  t.match(stateful, { runner: 'stateful' })
  t.same(auto?.tokens, stateful?.tokens)
  t.ok(new Set(auto?.tokens).size > 1, 'the answer is not one token again and again')
})

t.test('a Gemma 3 is not, so auto does not page it', async (t) => {
  const root = t.testdir({ 'a.gguf': randomGemma3() })
  const target = join(root, 'm')
  const { verdict, slidingWindow } = await convertGguf(join(root, 'a.gguf'), target)
  t.equal(slidingWindow, 16)
  const [auto, stateful] = await tryEngines(target, ['auto', 'stateful'])
  if (verdict?.faithful) {
    // Should another OpenVINO page it rightly, then its answers must say so too.
    t.same([auto?.runner, auto?.tokens], ['paged', stateful?.tokens])
    return
  }
  t.match(auto, { runner: 'stateful', verdict, reason: /stored check .* would not apply the mask/, warnings: [] })
  t.same(auto?.tokens, stateful?.tokens)
  await t.rejects(tryEngines(target, ['paged']), { code: 'ERR_UNSUPPORTED_MODEL', message: /would not apply the mask/ })
})

t.test('a GGUF in the cache has its verdict, and gets one that is missing', async (t) => {
  const root = t.testdir({ 'a.gguf': randomGemma3(), cache: {} })
  const path = join(root, 'a.gguf')
  const options = { root: join(root, 'cache') }
  const first = await cachedModel(path, options)
  const stored = join(first.folder, verdictFile)
  t.equal(JSON.parse(readFileSync(stored, 'utf8')).faithful, first.verdict?.faithful)
  t.same((await cachedModel(path, options)).verdict, first.verdict)
  writeFileSync(stored, JSON.stringify({ ...first.verdict, openvino: 'an older one' }))
  t.same((await cachedModel(path, options)).verdict, first.verdict, 'found anew')
  t.same(JSON.parse(readFileSync(stored, 'utf8')), first.verdict)
})

t.test('the check can be aborted, and then there is no folder', async (t) => {
  const root = t.testdir({ 'a.gguf': randomLlama() })
  const controller = new AbortController()
  const reason = new Error('enough')
  const onProgress = ({ stage }: { stage: string }) => {
    if (stage === 'check') controller.abort(reason)
  }
  await t.rejects(convertGguf(join(root, 'a.gguf'), join(root, 'm'), { signal: controller.signal, onProgress }), reason)
  t.equal(existsSync(join(root, 'm')), false)
  t.same(readdirSync(root), ['a.gguf'])
})
