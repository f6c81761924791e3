import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { LLM, type LLMError, type ModelWarning } from '#lib/index.js'
import { exact } from '../llm/fixtures.js'

// Tiny random exports of optimum-intel, with the tokens of transformers in f32; of the lossy ones those of the plain graph.
const folder = '../shared/fixtures/architectures'
const skip = existsSync(folder) ? false : `the exports of other model types are not here (${folder})`

interface Golden {
  prompts: number[][]
  /** The next 24 tokens of transformers, and of the plain graph in OpenVINO. */
  greedy: number[][]
  openvino: number[][]
  /** A first turn with its answer; both begin the second prompt, whose next tokens are those of transformers and of the plain graph. */
  second: { first: number[]; answer: number[]; prompt: number[]; torch: number[]; ov_whole: number[] }
}

/** What an export does not hold of its original cannot be computed: these differ from transformers whatever runs them. */
const lossy = ['gemma2', 'llama-dynamic']

const paged = [
  'bloom',
  'falcon-7b',
  'gemma2',
  'gemma3_text',
  'gpt_oss',
  'llama-dynamic',
  'mixtral-sw16',
  'opt',
  'phi4mini',
  'qwen3',
  'qwen3_moe',
]

/** Models that paged attention would compute wrongly, or not at all, and why it says so. */
const stateful: Record<string, RegExp> = {
  // Masks that OpenVINO's conversion drops.
  gpt_neo: /would not apply the mask of .*would see number/,
  llama4_text: /would not apply the mask of .*would see number/,
  mpt: /would not apply the mask of .*without its bias/,
  // States that are no keys and values.
  granitemoehybrid: /states for 1 attention layers/,
  lfm2: /states for 1 attention layers/,
  qwen3_next: /states for 1 attention layers/,
  mamba: /logits .* cannot be computed for chosen tokens/,
  xglm: /no ScaledDotProductAttention/,
}

/** Models whose requests share a step on the stateful engine only where they are equally long, or not at all, and why. */
const unpadded: Record<string, RegExp> = {
  // Positions, and chunks of Llama 4, count from the first column of the cache.
  llama4_text: /positions are those of the whole step/,
  lfm2: /positions are those of the whole step/,
  qwen3_next: /positions are those of the whole step/,
  xglm: /no ScaledDotProductAttention/,
}

t.test('every export computes its own tokens', { skip }, async (t) => {
  const golden = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as Record<string, Golden>
  const answers = (llm: LLM, prompts: number[][]) =>
    Promise.all(
      prompts.map(async (tokens) => {
        const { tokens: answer } = await llm.generate({ tokens }, { maxNewTokens: 24, temperature: 0, ignoreEos: true })
        return answer
      }),
    )
  for (const name of [...paged, ...Object.keys(stateful)]) {
    await t.test(name, async (t) => {
      const model = golden[name] as Golden
      await using llm = await LLM.load(`${folder}/${name}`, { ovConfig: exact, kvCachePrecision: 'f32' })
      t.match(llm.info, {
        runner: paged.includes(name) ? 'paged' : 'stateful',
        runnerReason: stateful[name] ?? /paged/,
        batching: unpadded[name] ? 'equal' : 'all',
        batchingReason: unpadded[name] ?? '',
      })
      const { contextLength } = llm.info
      const prompts = model.prompts.filter(({ length }) => length < contextLength)
      const all = lossy.includes(name) ? model.openvino : model.greedy
      const expected = prompts.map(({ length }, i) => all[i]?.slice(0, contextLength - length))
      t.strictSame(await answers(llm, prompts), expected, 'all at once')
      t.strictSame(await answers(llm, prompts.slice(2, 3)), expected.slice(2, 3), 'alone')
    })
  }
})

t.test('conversations go on rightly, whatever the states of the model are', { skip, timeout: 600_000 }, async (t) => {
  const golden = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as Record<string, Golden>
  const all = [...paged, ...Object.keys(stateful)].filter((name) => name !== 'llama-dynamic') // whose context is too short
  for (const name of all) {
    for (const engine of paged.includes(name) ? (['auto', 'stateful'] as const) : (['stateful'] as const)) {
      await t.test(`${name} on ${engine}`, async (t) => {
        const { second, prompts, greedy, openvino } = golden[name] as Golden
        const { first, prompt } = second
        const answer = (lossy.includes(name) ? openvino : greedy)[2] as number[]
        const next = lossy.includes(name) ? second.ov_whole : second.torch
        const long = (lossy.includes(name) ? openvino : greedy)[4]?.slice(0, 8)
        await using llm = await LLM.load(`${folder}/${name}`, { engine, ovConfig: exact, kvCachePrecision: 'f32' })
        const answerOf = async (tokens: number[], count: number) =>
          (await llm.generate({ tokens }, { maxNewTokens: count, temperature: 0, ignoreEos: true })).tokens
        t.strictSame(await answerOf(first, answer.length), answer, 'a first turn')
        t.strictSame(await answerOf(prompt, next.length), next, 'a second turn')
        t.strictSame(await answerOf(first, 3), answer.slice(0, 3), 'another beginning')
        t.strictSame(
          await answerOf([...first, ...answer.slice(0, 3)], 8),
          answer.slice(3, 11),
          'a token after a kept state',
        )

        // Cancelled while decoding, after a token; what it leaves begins the next prompt.
        const cancelled = llm.stream({ tokens: first }, { maxNewTokens: 200, temperature: 0, ignoreEos: true })
        for await (const part of cancelled) if (part.type === 'text') break
        t.strictSame(await answerOf(prompt, next.length), next, 'after a request that was cancelled')
        // Cancelled while its prompt is computed or waits.
        const controller = new AbortController()
        const aborted = llm.generate({ tokens: prompt }, { maxNewTokens: 9, signal: controller.signal })
        controller.abort()
        await t.rejects(aborted)
        t.strictSame(await answerOf(prompts[4] as number[], 8), long, 'another prompt after that')
        const turns = await Promise.all([
          answerOf(prompt, next.length),
          answerOf(prompts[4] as number[], 8),
          answerOf(prompt, next.length),
        ])
        t.strictSame(turns, [next, long, next], 'second turns together')
      })
    }
  }
})

t.test('a mask that paged attention drops is an error for those who ask for it', { skip }, async (t) => {
  for (const name of Object.keys(stateful)) {
    await t.rejects(
      LLM.load(`${folder}/${name}`, { engine: 'paged' }),
      { code: 'ERR_UNSUPPORTED_MODEL' } as LLMError,
      name,
    )
  }
})

t.test(
  'what an export left out of its original is said once, and what is wrong throughout is refused',
  { skip },
  async (t) => {
    const warnings: ModelWarning[] = []
    const onWarning = (warning: ModelWarning) => void warnings.push(warning)
    await using llm = await LLM.load(`${folder}/gemma2`, { onWarning })
    t.match(warnings, [{ code: 'export', message: /attn_logit_softcapping 5/ }])
    t.equal(llm.info.modelType, 'gemma2')
    await using dynamic = await LLM.load(`${folder}/llama-dynamic`, { onWarning })
    t.match(warnings.slice(1), [{ code: 'export', message: /beyond 32 tokens \(dynamic RoPE scaling\).*yarn/ }])
    t.equal(dynamic.info.contextLength, 32)
    for (const [name, message] of Object.entries({ zamba2: /model_type zamba2/ })) {
      await t.rejects(
        LLM.load(`${folder}/${name}`),
        { code: 'ERR_UNSUPPORTED_MODEL', message } as unknown as LLMError,
        name,
      )
    }
  },
)
