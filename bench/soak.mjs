// @ts-check
// Runs many mixed requests, 16 at a time, on a KV cache that is too small for them. Memory must stay level, and every answer must be the
// one that the same request gives alone.
//
// `npm run soak` starts Node with --max-semi-space-size=1 and --gc-global. Without them, the heaps of V8 (the main thread's and the text
// worker's) grow by 10 to 40 MB of garbage under hundreds of requests a second and do not shrink soon; what lives in them stays the same.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { demoModel } from '../scripts/demo-model.mjs'
import { Complaint, root, runMain } from '../scripts/run.mjs'

const usage = `npm run soak -- [--requests 10000] [--kinds 120] [--model FOLDER-OR-GGUF] [--context 1024]
  answers mixed requests (lengths, sampling, stop words, aborts, prompt lookup, several answers) and compares each with the same
  request alone; then compares anonymous memory with what it was after the first 500`

// Without int8 activations: their rounding makes an answer depend on its neighbours in the batch.
const exact = {
  ovConfig: { INFERENCE_PRECISION_HINT: 'f32', KV_CACHE_PRECISION: 'f32', DYNAMIC_QUANTIZATION_GROUP_SIZE: '0' },
}
const atOnce = 16
const settled = 500
const allowedGrowth = 10
const words =
  'the river house small machine garden answer morning letter stone question winter window paper light'.split(' ')

/** Marsaglia's xorshift32: the same requests on every run. @param {number} state */
function generator(state) {
  return (/** @type {number} */ below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** @typedef {{ prompt: string, options: import('../dist/index.js').GenerationOptions, abortAfter: number }} Kind */

/** @param {(below: number) => number} random @param {string[]} texts @param {number} context @returns {Kind} */
function makeKind(random, texts, context) {
  const pick = (/** @type {string[]} */ list) => /** @type {string} */ (list[random(list.length)])
  const begin = pick(texts).slice(0, ([30, 120, 400, 1200][random(4)] ?? 30) * (context / 1024))
  const prompt = `${begin} ${Array.from({ length: 1 + random(6) }, () => pick(words)).join(' ')}`
  /** @type {import('../dist/index.js').GenerationOptions} */
  const options = { maxNewTokens: 1 + random([4, 12, 32][random(3)] ?? 4), temperature: 0, ignoreEos: random(4) > 0 }
  if (random(3) === 0) Object.assign(options, { temperature: 0.8, topK: 40, seed: random(1000) })
  if (random(4) === 0) options.stop = [' the', pick(words)]
  if (random(3) === 0) options.promptLookup = true
  if (options.temperature && random(3) === 0) options.numReturnSequences = 2 + random(3)
  return { prompt, options, abortAfter: random(6) === 0 ? 1 + random(8) : 0 }
}

/** V8's garbage is kept out of it by the flags that package.json starts this with. */
async function anonymousMegabytes() {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => {
    throw new Complaint('Memory is read from /proc/self/status: this runs on Linux only.')
  })
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024
}

/**
 * The token ids of all answers; of an aborted request, those that came before.
 * @param {import('../dist/index.js').LLM} llm
 * @param {Kind} kind
 */
async function answer(llm, { prompt, options, abortAfter }) {
  if (abortAfter === 0)
    return { whole: true, answers: (await llm.generate(prompt, options)).answers.map((a) => a.tokens) }
  const controller = new AbortController()
  const stream = llm.stream(prompt, { ...options, signal: controller.signal })
  /** @type {number[][]} */
  const answers = Array.from({ length: options.numReturnSequences ?? 1 }, () => [])
  let parts = 0
  try {
    for await (const part of stream) {
      answers[part.index]?.push(...part.tokens)
      if (++parts === abortAfter) controller.abort()
    }
    return { whole: true, answers }
  } catch (error) {
    if (!controller.signal.aborted) throw error
    return { whole: false, answers }
  }
}

/**
 * @param {typeof import('../dist/index.js').LLM} LLM
 * @param {string} model
 * @param {number} contextLength
 */
async function infoOf(LLM, model, contextLength) {
  const llm = await LLM.load(model, { ...exact, contextLength })
  await llm.close()
  return llm.info
}

/** @param {number[]} found @param {number[]} expected */
const begins = (found, expected) => found.every((token, i) => token === expected[i])

runMain(async () => {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string' },
      kinds: { type: 'string' },
      model: { type: 'string' },
      context: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) return console.log(usage)
  const requests = Number(values.requests ?? 10000)
  const random = generator(20261122)
  const texts = await Promise.all(
    ['README.md', 'CONTRIBUTING.md', 'lib/llm.ts', 'package.json'].map((file) => readFile(join(root, file), 'utf8')),
  )
  const context = Number(values.context ?? 1024)
  const wanted = Array.from({ length: Number(values.kinds ?? 120) }, () => makeKind(random, texts, context))
  const { LLM } = await import('../dist/index.js')
  const load = (/** @type {number} */ maxSequences, /** @type {number} */ most) =>
    LLM.load(model, {
      maxSequences,
      contextLength: context,
      kvCacheBytes: Math.floor(most * 2 ** 20),
      ...exact,
    })
  const model = values.model ?? (await demoModel())
  // Too little for 16 requests of full length, so that some are preempted; enough for one.
  const { kvCache } = await infoOf(LLM, model, context)
  const megabytes = (3 * context * (kvCache.bytes / kvCache.tokens)) / 2 ** 20

  const alone = await load(1, megabytes / 2)
  /** @type {number[][][]} */
  const expected = []
  /** @type {Kind[]} */
  const kinds = []
  for (const kind of wanted) {
    const { promptLookup: _, ...plain } = kind.options
    const { prompt } = kind
    const { tokens } = await alone.tokenize(prompt)
    if (tokens.length + (plain.maxNewTokens ?? 0) > context) continue
    kinds.push(kind)
    expected.push((await alone.generate(prompt, plain)).answers.map((a) => a.tokens))
  }
  await alone.close()
  console.log(`${kinds.length} kinds of requests answered alone`)

  const llm = await load(atOnce, megabytes)
  const wrong = new Set()
  let done = 0
  let memory = 0
  const begun = performance.now()
  const lane = async () => {
    while (done < requests) {
      const index = random(kinds.length)
      const kind = /** @type {Kind} */ (kinds[index])
      const { whole, answers } = await answer(llm, kind)
      const same = answers.every((tokens, i) => {
        const right = /** @type {number[]} */ (expected[index]?.[i])
        return begins(tokens, right) && (!whole || tokens.length === right.length)
      })
      if (!same) {
        wrong.add(index)
        console.error(`request ${done}, kind ${index}: ${JSON.stringify({ answers, expected: expected[index], kind })}`)
      }
      done++
      if (done === settled) memory = await anonymousMegabytes()
      if (done % 1000 === 0) {
        const { preemptions, prefixHits, evictions, acceptedTokens } = llm.metrics()
        const minutes = ((performance.now() - begun) / 60_000).toFixed(1)
        const now = (await anonymousMegabytes()).toFixed(0)
        console.log(`${done} after ${minutes} min: ${now} MB anonymous,`, {
          preemptions,
          prefixHits,
          evictions,
          acceptedTokens,
        })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  const { running, waiting, blocksUsed } = llm.metrics()
  const growth = (await anonymousMegabytes()) - memory
  await llm.close()
  console.log(`${done} requests: ${wrong.size} kinds answered differently than alone`)
  console.log(`anonymous memory since the first ${settled}: ${growth > 0 ? '+' : ''}${growth.toFixed(1)} MB`)
  console.log(`left behind: ${running} running, ${waiting} waiting, ${blocksUsed} blocks`)
  return wrong.size > 0 || growth > allowedGrowth || running + waiting + blocksUsed > 0 ? 1 : 0
})
