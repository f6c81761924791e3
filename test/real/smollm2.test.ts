import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { demoModelPath } from '#lib/cache/root.js'
import { type ChatMessage, convert, LLM } from '#lib/index.js'
import { exact } from '../llm/fixtures.js'

interface Golden {
  tokenizer: { text: string; ids_special: number[]; decoded: string }[]
  chat: { messages: ChatMessage[]; gen_prompt: Vector; no_gen_prompt: Vector }[]
  greedy: { messages: ChatMessage[]; prompt_ids: number[]; torch_f32: { ids: number[] } }[]
}
interface Vector {
  text: string
  ids: number[]
}

// Computed with transformers in f32 on the same weights, dequantised.
const golden = JSON.parse(readFileSync('test/fixtures/golden/smollm2.json', 'utf8')) as Golden
const gguf = demoModelPath()
const skip = existsSync(gguf) ? false : `the demo model is not here: npm run demo fetches it (${gguf})`

/**
 * Share of positions whose most likely token is the golden one, each after golden tokens only.
 * @param near how much more likely, in log-probability, another token may be: the model itself finds several nearly as good at some positions
 */
async function teacherForced(llm: LLM, near = 0): Promise<{ right: number; all: number }> {
  let right = 0
  let all = 0
  for (const { prompt_ids, torch_f32 } of golden.greedy) {
    for (let i = 0; i < torch_f32.ids.length; i++) {
      const tokens = [...prompt_ids, ...torch_f32.ids.slice(0, i)]
      const options = { maxNewTokens: 1, temperature: 0, ignoreEos: true, logprobs: 5 }
      const [found] = (await llm.generate({ tokens }, options)).logprobs ?? []
      const wanted = found?.topLogprobs.find(({ token }) => token === torch_f32.ids[i])
      all++
      if (found && wanted && (found.token === wanted.token || found.logprob - wanted.logprob < near)) right++
    }
  }
  return { right, all }
}

t.test('SmolLM2 from its GGUF', { skip }, async (t) => {
  await using llm = await LLM.load(gguf, { cpuKernel: 'builtin', ovConfig: exact })
  t.match(llm.info, {
    modelType: 'llama',
    contextLength: 8192,
    vocabularySize: 49152,
    source: { kind: 'gguf', path: gguf },
  })

  for (const { text, ids_special, decoded } of golden.tokenizer) {
    t.same([...(await llm.tokenize(text)).tokens], ids_special, JSON.stringify(text).slice(0, 60))
    t.equal(await llm.detokenize(ids_special), decoded)
  }
  for (const { messages, gen_prompt, no_gen_prompt } of golden.chat) {
    const open = await llm.tokenize(messages)
    t.same([open.text, [...open.tokens]], [gen_prompt.text, gen_prompt.ids])
    const closed = await llm.tokenize(messages, { addGenerationPrompt: false })
    t.same([closed.text, [...closed.tokens]], [no_gen_prompt.text, no_gen_prompt.ids])
  }

  const { right, all } = await teacherForced(llm)
  t.comment(`teacher-forced top-1: ${right} of ${all}`)
  t.ok(all > 50 && right / all >= 0.97, `${right} of ${all}`)

  for (const { messages, torch_f32 } of golden.greedy) {
    const { tokens } = await llm.generate(messages, { temperature: 0, maxNewTokens: torch_f32.ids.length })
    t.same(tokens, torch_f32.ids, 'greedy, the whole way')
  }
})

t.test('SmolLM2 through `convert`: a complete folder that answers the same', { skip }, async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'openvino-llm-convert-'))
  t.teardown(() => rmSync(parent, { recursive: true, force: true }))
  const folder = join(parent, 'SmolLM2 135M ü')
  const stages = new Set<string>()
  await convert(gguf, folder, { onProgress: ({ stage }) => stages.add(stage) })
  t.ok(stages.has('convert'))
  for (const name of [
    'openvino_model.xml',
    'openvino_model.bin',
    'config.json',
    'generation_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'chat_template.jinja',
  ]) {
    t.ok(existsSync(join(folder, name)), name)
  }
  // Without activations in int8, too: with them the first token of this answer is a tie that either may win.
  await using llm = await LLM.load(folder, {
    cpuKernel: 'builtin',
    ovConfig: { ...exact, DYNAMIC_QUANTIZATION_GROUP_SIZE: '0' },
  })
  const { right, all } = await teacherForced(llm)
  t.ok(all > 50 && right / all >= 0.97, `${right} of ${all}`)
  const question = [{ role: 'user', content: 'What is the capital of France?' } as const]
  const { text, finishReason } = await llm.generate(question, { maxNewTokens: 32 })
  t.same([text, finishReason], ['The capital of France is Paris.', 'stop'])
})

t.test('SmolLM2 as every user runs it: default precision and KV cache', { skip }, async (t) => {
  await using llm = await LLM.load(gguf, { cpuKernel: 'builtin' })
  const { right, all } = await teacherForced(llm, 0.5)
  t.comment(
    `teacher-forced top-1 with ${llm.info.precision.inference} and KV ${llm.info.precision.kvCache}: ${right} of ${all}`,
  )
  t.ok(right / all >= 0.97, `${right} of ${all}`)
})

const folder = resolve('../shared/fixtures/ir/smollm2-135m-int4-asym64')
const absent = existsSync(folder) ? false : 'the real optimum-intel export is not here'
t.test('a real optimum-intel int4 export: greedy ids exact with f32', { skip: absent }, async (t) => {
  const { greedy } = JSON.parse(readFileSync('test/fixtures/golden/smollm2-int4-asym64.json', 'utf8')) as {
    greedy: { prompt_ids: number[]; messages: ChatMessage[]; ids: number[] }[]
  }
  await using llm = await LLM.load(folder, { cpuKernel: 'builtin', ovConfig: exact })
  t.equal(llm.info.exporter['nncf/weight_compression/mode'], 'int4_asym')
  for (const { prompt_ids, messages, ids } of greedy) {
    t.same([...(await llm.tokenize(messages)).tokens], prompt_ids)
    t.same((await llm.generate({ tokens: prompt_ids }, { temperature: 0, maxNewTokens: ids.length })).tokens, ids)
  }
})
