// @ts-check
// Measures longer and longer prompts: what each further token costs to compute, what a token of the answer costs behind so many, and
// whether memory per token stays the same.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Complaint, root, runMain } from '../scripts/run.mjs'

const usage = `npm run long-context -- [--tokens 100000] [--model FOLDER] [--engine auto|paged|stateful] [--attention auto|openvino]
  computes prompts of 1,000 tokens up to --tokens, each the beginning of the next, with 64 tokens of answer; the default model is the
  tiny LongRoPE one of the tests, with its context set to 131,072; fails when a token of the longer half takes over 4 KiB more memory
  than one of the shorter half; --attention openvino computes a paged cache with OpenVINO's attention`

const answerTokens = 64
const positions = 131_072
/** Bytes a token: the prompt's own ids, blocks, and what pages and allocators round up. */
const allowedGrowth = 4096

async function residentBytes() {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => {
    throw new Complaint('Memory is read from /proc/self/status: this runs on Linux only.')
  })
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
}

/** The tests' model in a folder of its own, with more positions: its factors are computed from the position. @param {string} folder */
async function makeModel(folder) {
  await cp(join(root, 'test/fixtures/ir/tiny-phi3-longrope-fp32'), folder, { recursive: true })
  const path = join(folder, 'config.json')
  const config = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify({ ...config, max_position_embeddings: positions }))
}

/** @param {number} most */
const lengths = (most) => [...[1, 3, 10, 30, 60, 100, 130].map((n) => n * 1000).filter((n) => n < most), most]

/** @param {string} model @param {'auto' | 'paged' | 'stateful'} engine @param {'auto' | 'openvino'} attention @param {number} most */
async function measure(model, engine, attention, most) {
  const { LLM } = await import('../dist/index.js')
  const exact = { INFERENCE_PRECISION_HINT: 'f32', KV_CACHE_PRECISION: 'f32' }
  const context = { contextLength: most + answerTokens, maxSequences: 1 }
  const llm = await LLM.load(model, { engine, cpuAttention: attention, ...context, ovConfig: exact })
  const { vocabularySize, runner, contextLength } = llm.info
  console.log(`${runner}, context of ${contextLength}; milliseconds`)
  const prompt = Array.from({ length: most }, (_, i) => 3 + ((i * 7919 + (i >> 5) * 31) % (vocabularySize - 3)))
  /** @type {{ tokens: number, resident: number }[]} */
  const points = []
  for (const tokens of lengths(most)) {
    /** @type {number[]} */
    const times = []
    const onText = () => void times.push(performance.now())
    const options = { temperature: 0, ignoreEos: true, maxNewTokens: answerTokens, onText, skipSpecialTokens: false }
    const { timings, usage } = await llm.generate({ tokens: prompt.slice(0, tokens) }, options)
    const resident = await residentBytes()
    points.push({ tokens, resident })
    const computed = tokens - usage.cachedTokens
    const row = [
      `${tokens} tokens`,
      `${((timings.prefill / computed) * 1000).toFixed(0)} per 1,000 of the last ${computed}`,
      `${timings.timePerOutputToken.toFixed(2)} per token of answer`,
      `${(resident / 2 ** 20).toFixed(0)} MB`,
    ]
    console.log(row.join(', '))
  }
  await llm.close()
  return points
}

/** Bytes a token between two points. @param {{ tokens: number, resident: number }} a @param {{ tokens: number, resident: number }} b */
const slope = (a, b) => (b.resident - a.resident) / (b.tokens - a.tokens)

runMain(async () => {
  const { values } = parseArgs({
    options: {
      tokens: { type: 'string', default: '100000' },
      model: { type: 'string' },
      engine: { type: 'string', default: 'auto' },
      attention: { type: 'string', default: 'auto' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return void console.log(usage)
  const most = Number(values.tokens)
  if (!Number.isInteger(most) || most < 4000 || most > positions - answerTokens)
    throw new Complaint(
      `--tokens: expected an integer from 4000 to ${positions - answerTokens}, found ${values.tokens}`,
    )
  const { engine, attention } = values
  if (engine !== 'auto' && engine !== 'paged' && engine !== 'stateful')
    throw new Complaint(`--engine: expected auto, paged or stateful, found ${engine}`)
  if (attention !== 'auto' && attention !== 'openvino')
    throw new Complaint(`--attention: expected auto or openvino, found ${attention}`)
  const folder = values.model === undefined ? await mkdtemp(join(tmpdir(), 'long-context-')) : undefined
  try {
    if (folder) await makeModel(folder)
    const points = await measure(values.model ?? /** @type {string} */ (folder), engine, attention, most)
    const [first, middle, last] = [points[0], points[points.length >> 1], points.at(-1)]
    if (!first || !middle || !last) throw new Complaint('there is nothing to compare')
    const [shorter, longer] = [slope(first, middle), slope(middle, last)]
    console.log(`${shorter.toFixed(0)} bytes a token up to ${middle.tokens} tokens, ${longer.toFixed(0)} beyond`)
    if (longer > Math.max(shorter, 0) + allowedGrowth) throw new Complaint('memory grows faster than the text')
  } finally {
    if (folder) await rm(folder, { recursive: true, force: true })
  }
})
