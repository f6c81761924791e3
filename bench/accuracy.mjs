// @ts-check
// What int8 activations cost in accuracy: the built-in kernels and OpenVINO's, each compared with f32, on real text.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { demoModel } from '../scripts/demo-model.mjs'
import { Complaint, root, runMain } from '../scripts/run.mjs'

const usage = `npm run accuracy -- [--model FOLDER-OR-GGUF] [--tokens 2048]
  compares the logits of each position of real text, teacher-forced, with those that OpenVINO computes in f32`

/** In f32 throughout; on CPUs with VNNI or bf16 it takes all three to say so. */
const f32 = ['INFERENCE_PRECISION_HINT=f32', 'KV_CACHE_PRECISION=f32', 'DYNAMIC_QUANTIZATION_GROUP_SIZE=0']
const f32Around = f32.slice(0, 2)

/** @type {{ label: string, properties: string[], cpuKernel: string, activationSpan: number, cpuAttention?: string }[]} */
const ways = [
  { label: "OpenVINO's kernels, defaults", properties: [], cpuKernel: 'openvino', activationSpan: 0 },
  { label: "OpenVINO's kernels, f32 KV cache", properties: f32Around, cpuKernel: 'openvino', activationSpan: 0 },
  { label: 'built-in kernels, defaults', properties: [], cpuKernel: 'builtin', activationSpan: 32 },
  { label: 'built-in kernels, f32 KV cache', properties: f32Around, cpuKernel: 'builtin', activationSpan: 32 },
  {
    label: 'built-in kernels, int8 by 64, f32 KV cache',
    properties: f32Around,
    cpuKernel: 'builtin',
    activationSpan: 64,
  },
  {
    label: 'built-in kernels, int8 by group, f32 KV cache',
    properties: f32Around,
    cpuKernel: 'builtin',
    activationSpan: -1,
  },
  {
    label: 'built-in kernels, f32 activations, f32 KV cache',
    properties: f32,
    cpuKernel: 'builtin',
    activationSpan: 0,
  },
  ...['u8', 'u4', 'f16'].flatMap((precision) =>
    ['openvino', 'builtin'].map((cpuAttention) => ({
      label: `f32, ${precision} KV cache, ${cpuAttention === 'openvino' ? "OpenVINO's" : 'built-in'} attention`,
      properties: [...f32.slice(0, 1), `KV_CACHE_PRECISION=${precision}`, ...f32.slice(2)],
      cpuKernel: 'builtin',
      activationSpan: 0,
      cpuAttention,
    })),
  ),
]

/** Prose, code and prompts in one file that never changes, so that figures of different days can be compared. */
const corpus = join(root, 'bench', 'corpus.txt')

runMain(async () => {
  const { model, tokens: wanted, help } = options()
  if (help) {
    console.log(usage)
    return
  }
  const { LLM } = await import(join(root, 'dist', 'index.js'))
  const { deviceFeatures } = await import(join(root, 'dist', 'devices', 'features.js'))
  const { runJob } = await import(join(root, 'dist', 'engine', 'job.js'))
  const { plainConfig } = await import(join(root, 'dist', 'loading', 'engine-config.js'))
  const llm = await LLM.load(model ?? (await demoModel()), { cpuKernel: 'openvino' })
  const { folder, contextLength, devices } = llm.info
  const { tokens: all } = await llm.tokenize(await readFile(corpus, 'utf8'))
  await llm.close()
  const tokens = Int32Array.from(all.slice(0, Math.min(wanted, contextLength)))
  /** @param {typeof ways[number]} way */
  const config = ({ properties, cpuKernel, activationSpan, cpuAttention }) => ({
    ...plainConfig,
    runner: 'paged',
    modelPath: join(folder, 'openvino_model.xml'),
    device: deviceFeatures('CPU'),
    properties,
    kvTokens: tokens.length + 64,
    cpuKernel,
    activationSpan,
    cpuAttention: cpuAttention ?? (cpuKernel === 'builtin' ? 'auto' : 'openvino'),
  })
  const reference = config({ label: '', properties: f32, cpuKernel: 'openvino', activationSpan: 0 })
  console.log(`${folder}: ${tokens.length} positions, ${devices.join(', ')}; against OpenVINO in f32.\n`)
  console.log(
    '|  | same most likely token | mean KL divergence | perplexity (f32) | largest difference of two logits |',
  )
  console.log('|---|---|---|---|---|')
  for (const way of ways) {
    const found = await runJob('compare', { left: config(way), right: reference, tokens })
    const { positions, agreeing, divergence, leftLoss, rightLoss, maxDifference } = found
    const perplexity = `${Math.exp(leftLoss).toFixed(3)} (${Math.exp(rightLoss).toFixed(3)})`
    const share = `${((100 * agreeing) / positions).toFixed(2)} % of ${positions}`
    console.log(
      `| ${way.label} | ${share} | ${divergence.toPrecision(2)} | ${perplexity} | ${maxDifference.toPrecision(2)} |`,
    )
  }
})

function options() {
  try {
    const { values } = parseArgs({
      options: {
        model: { type: 'string' },
        tokens: { type: 'string', default: '2048' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    const tokens = Number(values.tokens)
    if (!Number.isInteger(tokens) || tokens < 2) throw new Error(`--tokens: expected 2 or more, found ${values.tokens}`)
    return { model: values.model, tokens, help: values.help }
  } catch (error) {
    throw new Complaint(`${error instanceof Error ? error.message : error}\n${usage}`)
  }
}
