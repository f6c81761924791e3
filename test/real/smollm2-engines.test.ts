import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { demoModelPath } from '#lib/cache/root.js'
import { type ChatMessage, LLM } from '#lib/index.js'
import { exact } from '../llm/fixtures.js'

// A real model: both engines, many requests at once, guesses, a next chat turn, and what u8 keys and values cost.

interface Golden {
  greedy: { messages: ChatMessage[]; prompt_ids: number[]; torch_f32: { ids: number[] } }[]
}
const { greedy: golden } = JSON.parse(readFileSync('test/fixtures/golden/smollm2.json', 'utf8')) as Golden
const gguf = demoModelPath()
const skip = existsSync(gguf) ? false : `the demo model is not here: npm run demo fetches it (${gguf})`
const greedy = { temperature: 0, ignoreEos: true } as const

/** The prompt, and the golden answer cut at each token: all at once. */
const forced = golden.flatMap(({ prompt_ids, torch_f32: { ids } }) =>
  ids.map((next, i) => ({ prompt: { tokens: [...prompt_ids, ...ids.slice(0, i)] }, next })),
)

t.test('f32: equal to transformers, all at once, with and without guesses', { skip }, async (t) => {
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await LLM.load(gguf, { cpuKernel: 'builtin', ovConfig: exact, engine, onWarning: () => {} })
    t.match(llm.info, { runner: engine, verdict: { faithful: true } })
    for (const promptLookup of [false, true]) {
      const answers = await Promise.all(
        golden.map(({ prompt_ids, torch_f32: { ids } }) =>
          llm.generate({ tokens: prompt_ids }, { ...greedy, promptLookup, maxNewTokens: ids.length }),
        ),
      )
      for (const [i, { torch_f32 }] of golden.entries()) {
        t.same(answers[i]?.tokens, torch_f32.ids, `${engine}${promptLookup ? ' with guesses' : ''}: answer ${i}`)
      }
    }
  }
})

// How many differ depends on the CPU: with AVX-512 and VNNI at most 1 of 53, with AVX2 2 of 53.
t.test('keys and values in u8: at least 94 % of the tokens are the same', { skip }, async (t) => {
  for (const engine of ['paged', 'stateful'] as const) {
    await using llm = await LLM.load(gguf, {
      cpuKernel: 'builtin',
      ovConfig: { ...exact, KV_CACHE_PRECISION: 'u8' },
      engine,
    })
    t.equal(llm.info.kvCache.precision, 'u8')
    const answers = await llm.generateAll(
      forced.map(({ prompt }) => prompt),
      { ...greedy, maxNewTokens: 1 },
    )
    const right = answers.filter(({ tokens }, i) => tokens[0] === forced[i]?.next).length
    t.ok(forced.length > 50 && right / forced.length >= 0.94, `${engine}: ${right} of ${forced.length}`)
  }
})

t.test('the next turn of a chat computes nothing that it has in common with the one before', { skip }, async (t) => {
  await using llm = await LLM.load(gguf, { cpuKernel: 'builtin', ovConfig: exact })
  const messages: ChatMessage[] = [{ role: 'user', content: 'What is the capital of France?' }]
  for (const question of ['And of Spain?', 'Which of them is larger?']) {
    const before = await llm.tokenize(messages)
    const { text, tokens } = await llm.generate(messages, { temperature: 0, maxNewTokens: 30 })
    messages.push({ role: 'assistant', content: text }, { role: 'user', content: question })
    const after = (await llm.tokenize(messages)).tokens
    // The last token was sampled and never computed.
    const computed = [...before.tokens, ...tokens].slice(0, -1)
    const differs = computed.findIndex((token, i) => token !== after[i])
    const common = differs < 0 ? computed.length : differs
    t.ok(common >= before.tokens.length)
    const { usage } = await llm.generate(messages, { temperature: 0, maxNewTokens: 1 })
    t.equal(usage.cachedTokens, common)
  }
})
