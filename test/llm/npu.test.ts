import t from 'tap'
import { LLM, type ModelWarning } from '#lib/index.js'
import { skipWithoutGrammars } from './constrained.js'
import { emulatedNpu, loadNpu } from './emulated-npu.js'
import { exact, goldenTiny, loadTiny, tiny } from './fixtures.js'
import { nextResidency } from './residency.js'

// The NPU's plugin computes on the CPU here. It compiles a model for one sequence and for fixed lengths, as for an NPU. Int4, and compiled models
// that are read back: test/self-test/trial.test.ts. Ends of processes and threads: test/lifetime/npu.test.ts.

const golden = goldenTiny()
const greedy = { temperature: 0, ignoreEos: true } as const
const prompt = { tokens: [10, 20, 30] }

t.test('NPU, emulated: equal to transformers, token by token, one request after another', async (t) => {
  for (const [folder, name] of [
    ['tiny-llama-fp32', 'tiny-llama'],
    ['tiny-phi3-sw16-fp32', 'tiny-phi3-sw16'],
  ] as const) {
    await using llm = await loadNpu(folder, { maxPromptLength: 64, minResponseLength: 64 })
    t.match(llm.info, { runner: 'stateful', maxSequences: 1, maxPromptLength: 64, contextLength: 128 })
    t.match(llm.info, { canDraft: false, canFork: false })
    t.throws(() => llm.stream(prompt, { numBeams: 2 }), {
      code: 'ERR_UNSUPPORTED_MODEL',
      message: /the stateful engine of this model computes no beams/,
    })
    const cases = (golden[name]?.cases ?? []).filter((each) => each.prompt.length <= 64)
    t.ok(cases.length >= 5)
    // Each twice: what one conversation leaves must not reach the next.
    const twice = [...cases, ...cases]
    const answers = await Promise.all(
      twice.map((each) => llm.generate({ tokens: each.prompt }, { ...greedy, maxNewTokens: each.greedy.length })),
    )
    twice.forEach((each, i) => {
      t.same(answers[i]?.tokens, each.greedy, `${folder}: prompt of ${each.prompt.length}`)
    })
  }
})

t.test('NPU, emulated: an int8 model gives the ids of the CPU', async (t) => {
  const folder = 'tiny-phi3-longrope-int8'
  await using npu = await loadNpu(folder, { maxPromptLength: 16, minResponseLength: 16 })
  await using cpu = await loadTiny(folder, { ovConfig: exact, engine: 'stateful' })
  const options = { ...greedy, maxNewTokens: 12 }
  t.same((await npu.generate(prompt, options)).tokens, (await cpu.generate(prompt, options)).tokens)
})

t.test('NPU, emulated: a chat over several turns', async (t) => {
  await using npu = await loadNpu('tiny-llama-fp32', { maxPromptLength: 192, minResponseLength: 64 })
  await using cpu = await loadTiny()
  const messages = [{ role: 'user', content: 'Hello' }]
  for (const next of ['And then?', 'Why?', 'Good']) {
    const options = { temperature: 0, maxNewTokens: 8 } as const
    const [ours, theirs] = [await npu.generate(messages, options), await cpu.generate(messages, options)]
    t.same(ours.tokens, theirs.tokens, `after ${messages.length} messages`)
    messages.push({ role: 'assistant', content: ours.text }, { role: 'user', content: next })
  }
})

t.test("NPU, emulated: limits are the compiled model's, and what goes beyond is said", async (t) => {
  await using llm = await loadNpu('tiny-llama-fp32', {
    ovConfig: { ...emulatedNpu, NPUW_LLM_MAX_PROMPT_LEN: 40 },
    maxPromptLength: 64,
    minResponseLength: 24,
  })
  t.match(llm.info, { maxPromptLength: 40, contextLength: 64, contextReason: /prompts of 40 tokens and 64 in all/ })
  await t.rejects(llm.generate({ tokens: Array(41).fill(5) }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /prompt has 41 tokens.*at most 40.*maxPromptLength/,
  })
  const full = await llm.generate({ tokens: Array(40).fill(5) }, greedy)
  t.match(full, { finishReason: 'length', usage: { completionTokens: 24 } })
  const short = await llm.generate(prompt, greedy)
  t.match(short, { finishReason: 'length', usage: { totalTokens: 64 } })
  t.same((await llm.generate({ tokens: Array(40).fill(5) }, greedy)).tokens, full.tokens, 'and again the same')
  const long = [...Array(12)].map((_, i) => ({ role: 'user', content: `Hello ${i}` }))
  await t.rejects(llm.generate(long, { ...greedy, maxNewTokens: 1 }), { code: 'ERR_CONTEXT_LENGTH' })
  const dropped = await llm.generate(long, { ...greedy, maxNewTokens: 1, contextOverflow: 'drop-oldest' })
  t.ok(dropped.usage.promptTokens <= 40)
})

t.test('NPU: what it cannot run, with what to do', async (t) => {
  await t.rejects(loadNpu('tiny-llama-fp32', { maxPromptLength: 200, minResponseLength: 100 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /context of 256 tokens, found 200 and 100/,
  })
  await t.rejects(loadNpu('tiny-llama', { maxPromptLength: 64, minResponseLength: 64 }), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /asymmetric int4 in groups of 32; .*optimum-cli export openvino .*--sym --group-size -1/,
  })
  await t.rejects(loadNpu('tiny-llama-fp32', { engine: 'paged' }), { code: 'ERR_DEVICE', message: /page on NPU/ })
  await t.rejects(loadNpu('tiny-llama-fp32', { ovConfig: { ...emulatedNpu, NPUW_FOO: 1 } }), {
    code: 'ERR_PROPERTY',
    message: /NPUW_FOO/,
  })
  await t.rejects(loadNpu('tiny-llama-fp32', { ovConfig: { ...emulatedNpu, FOO: 1 } }), {
    code: 'ERR_PROPERTY',
    message: /NPU has no property FOO; it has .*CACHE_DIR/,
  })
  await t.rejects(LLM.load(tiny('tiny-llama-fp32'), { maxPromptLength: 64 }), {
    name: 'TypeError',
    message: /maxPromptLength.*NPU, received CPU/,
  })
})

t.test('NPU, emulated: what requests ask for beyond greedy tokens, as on the CPU', async (t) => {
  const warnings: ModelWarning[] = []
  await using npu = await loadNpu('tiny-llama-fp32', {
    maxPromptLength: 64,
    minResponseLength: 64,
    onWarning: (each) => warnings.push(each),
  })
  await using cpu = await loadTiny('tiny-llama-fp32', { engine: 'stateful', onWarning: () => {} })
  const both = async <T>(ask: (llm: LLM) => Promise<T>): Promise<[T, T]> => [await ask(npu), await ask(cpu)]

  const several = { numReturnSequences: 3, temperature: 1, seed: 5, ignoreEos: true, maxNewTokens: 8 }
  const [ours, theirs] = await both(async (llm) => {
    const { tokens, answers = [] } = await llm.generate(prompt, several)
    return [tokens, ...answers.map((answer) => answer.tokens)]
  })
  t.same(ours, theirs, 'several answers to a prompt')

  const quoting = { tokens: [10, 20, 30, 10, 20, 30] }
  const looked = await both((llm) => llm.generate(quoting, { ...greedy, maxNewTokens: 12, promptLookup: true }))
  t.same(looked[0].tokens, looked[1].tokens, 'prompt lookup guesses nothing, and says so')
  t.equal(warnings.filter(({ code }) => code === 'prompt-lookup').length, 1)

  const scores = await both((llm) => llm.score('Hello there', [' my friend', ' you']))
  scores[0].forEach(({ logprob }, i) => {
    t.ok(Math.abs(logprob - (scores[1][i]?.logprob ?? 0)) < 0.05, `scores: ${logprob}`)
  })
  t.same((await npu.generate({ tokens: [77] }, { ...greedy, maxNewTokens: 8 })).tokens.length, 8)
})

t.test(
  'NPU, emulated: tokens that a grammar forces are computed one by one',
  { skip: skipWithoutGrammars },
  async (t) => {
    await using npu = await loadNpu('tiny-llama-fp32', { maxPromptLength: 64, minResponseLength: 64 })
    await using cpu = await loadTiny('tiny-llama-fp32', { engine: 'stateful' })
    const pattern = '[ab] the quick brown fox jumps (over|under) the lazy dog[0-9]'
    const options = { temperature: 0, responseFormat: { type: 'regex', pattern }, maxNewTokens: 60 } as const
    const [ours, theirs] = [await npu.generate('Hi', options), await cpu.generate('Hi', options)]
    t.match(ours.text, new RegExp(`^${pattern}$`))
    t.same(ours.tokens, theirs.tokens)
  },
)

t.test('NPU, emulated: queued requests, cancelled ones among them, answer as alone', async (t) => {
  await using llm = await loadNpu('tiny-llama-fp32', { maxPromptLength: 64, minResponseLength: 64 })
  // Every length of a prompt, the longest included.
  const requests = Array.from({ length: 64 }, (_, i) => ({
    prompt: { tokens: Array.from({ length: i + 1 }, (_, k) => 10 + ((k * 7 + i * 13) % 500)) },
    options: { temperature: i % 3, seed: i, ignoreEos: true, maxNewTokens: 1 + ((i * 3) % 20) },
  }))
  const alone: number[][] = []
  for (const { prompt, options } of requests) alone.push((await llm.generate(prompt, options)).tokens)
  const reason = new Error('cancelled by the test')
  let cancelled = 0
  const together = requests.map(async ({ prompt, options }, i) => {
    const controller = new AbortController()
    // Some before their prompt is computed, some while they decode, which is without end for them.
    const signal = controller.signal
    const onToken = () => controller.abort(reason)
    if (i % 4 === 1) {
      const lost = llm.generate(prompt, { ...greedy, signal, ...(i % 8 === 1 && { onToken }) })
      if (i % 8 !== 1) setImmediate(onToken)
      await t.rejects(lost, reason)
      cancelled++
    }
    return (await llm.generate(prompt, options)).tokens
  })
  t.same(await Promise.all(together), alone)
  t.equal(cancelled, 16)
})

t.test('NPU, emulated: unloaded when idle, compiled again for the next request; closed while it answers', async (t) => {
  const llm = await loadNpu('tiny-llama-fp32', { maxPromptLength: 32, minResponseLength: 64, unloadAfter: 0.001 })
  const options = { ...greedy, maxNewTokens: 8 }
  const { tokens } = await llm.generate(prompt, options)
  await nextResidency('unload')
  t.equal(llm.info.residency, 'unloaded')
  const again = await llm.generate(prompt, options)
  t.same(again.tokens, tokens)
  t.ok(again.timings.load > 0)
  const running = llm.stream(prompt, greedy)
  const ended = running.result.then(
    ({ finishReason }) => finishReason,
    ({ code }) => code,
  )
  for await (const _part of running) {
    await llm.close()
    break
  }
  // Its last token may have been there already.
  t.match(await ended, /^(ERR_CLOSED|length|cancelled)$/)
  t.equal(llm.info.residency, 'closed')
})
