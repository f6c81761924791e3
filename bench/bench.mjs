// @ts-check
import { join } from 'node:path'
import { exists } from '../scripts/build/wheel.mjs'
import { assembleMain } from '../scripts/package/assemble.mjs'
import { Complaint, root, runMain } from '../scripts/run.mjs'
import { parseArguments, usage } from './arguments.mjs'
import { compare } from './compare.mjs'
import { contextOf } from './context.mjs'
import { features } from './features.mjs'
import { machine } from './machine.mjs'
import { findModel } from './models.mjs'
import { installPeer } from './peer.mjs'
import { reading } from './reading.mjs'
import { formatReport, formatSummary, tooBusy } from './report.mjs'
import { interleave, runSegment } from './segments.mjs'
import { median } from './statistics.mjs'

/** @typedef {import('./worker.mjs').Setup} Setup */

runMain(async () => {
  const options = parseArguments(process.argv.slice(2))
  if (options.help) {
    console.log(usage)
    return
  }
  const here = machine()
  if (options.mode === 'features') {
    console.log(await features(here, { repetitions: 30 * options.pairs, json: options.format === 'json' }))
    return
  }
  const module = join(root, 'dist', 'index.js')
  if (!(await exists(module))) throw new Complaint(`${module} is not built yet: run npm install, or npm run build.`)
  // Users start what is shipped, and its files are fewer.
  const runtime = options.mode === 'start' ? await packaged() : module
  const { pairs, threads = here.cores } = options
  const model = await findModel(options.model)
  const ours = { label: 'openvino-llm', side: 'openvino-llm', runtime, model: model.ours }
  const { folder } = await prepare(ours, threads)
  if (options.mode === 'reading') {
    const { newTokens, format } = options
    const setup = { ...ours, threads, ...(options.engine ? { engine: options.engine } : {}) }
    const json = format === 'json'
    process.stdout.write(await reading(here, { setup, label: model.label, folder, newTokens, pairs, json }))
    return
  }
  const mode = await import(`./modes/${options.mode}.mjs`)
  const ir = model.ir ?? folder
  /** @type {Record<string, (() => Promise<string>) | undefined>} what a peer loads; nothing when there is no GGUF for it */
  const theirs = { 'node-llama-cpp': model.gguf, 'openvino-genai': async () => ir, xllamacpp: model.gguf }
  const wanted = options.peer ? mode.peers.filter((/** @type {string} */ name) => theirs[name]) : []
  const peers = []
  for (const name of wanted)
    peers.push(...(await preparePeer(name, /** @type {() => Promise<string>} */ (theirs[name]), threads)))

  /** @type {import('./compare.mjs').Mode} */
  const plan = await mode.plan(contextOf({ options, threads, module: runtime, model: model.ours, ir, peers }))
  const { answers, foreign } = await measure(plan, pairs)
  const values = new Map([...answers].map(([label, all]) => [label, all.map((answer) => plan.values(answer, label))]))
  const report = {
    title: plan.title,
    date: new Date().toISOString(),
    machine: here,
    model: model.label,
    workload: { pairs, threads },
    foreign: { median: median(foreign), max: Math.max(...foreign) },
    sides: plan.setups.map(({ label }) => {
      const { version = '', settings = {} } = answers.get(label)?.[0] ?? {}
      return { label, version, settings }
    }),
    ...compare(plan, values),
    absolute: plan.absolute ?? false,
    notes: plan.notes?.(answers) ?? [],
  }
  const formats = {
    text: () => formatReport(report),
    markdown: () => formatSummary(report),
    json: () => `${JSON.stringify({ ...report, segments: Object.fromEntries(values) }, null, 2)}\n`,
  }
  process.stdout.write(formats[options.format]())
  // A peer was asked for and does not run here.
  return new Set(peers.map(({ side }) => side)).size < wanted.length ? 1 : 0
})

/** The entry of the package as npm gets it, which takes the addon of this checkout. */
async function packaged() {
  process.env.OPENVINO_LLM_ADDON ??= join(root, 'build', 'Release')
  return join(await assembleMain(), 'dist', 'index.js')
}

/**
 * @param {import('./compare.mjs').Mode} plan
 * @param {number} pairs
 */
async function measure({ setups, values }, pairs) {
  /** @type {Map<string, any[]>} */
  const answers = new Map(setups.map(({ label }) => [label, []]))
  const foreign = []
  const order = interleave(setups, pairs)
  for (const [index, setup] of order.entries()) {
    const run = await runSegment(setup)
    answers.get(setup.label)?.push(run.answer)
    foreign.push(run.foreign)
    const busy = run.foreign > tooBusy ? ` (other programs used ${(run.foreign * 100).toFixed(0)} % of the CPU)` : ''
    const figures = Object.entries(values(run.answer, setup.label))
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key} ${Number(value).toPrecision(3)}`)
    console.error(`${String(index + 1).padStart(3)}/${order.length} ${setup.label}: ${figures.join(', ')}${busy}`)
  }
  return { answers, foreign }
}

/**
 * Makes one request without timing it. It converts a GGUF if need be, brings the files into the page cache and shows that
 * the side works here.
 * @param {Pick<Setup, 'label' | 'side' | 'runtime' | 'model' | 'engine'>} side
 * @param {number} threads
 */
async function prepare(side, threads) {
  console.error(`Preparing ${side.label}.`)
  const task = { kind: 'single', prompts: [16], newTokens: 2 }
  return (await runSegment({ ...side, threads, task, context: 64, sequences: 1 })).answer
}

/**
 * @param {string} name
 * @param {() => Promise<string>} modelFor what it loads
 * @param {number} threads
 * @returns {Promise<Pick<Setup, 'label' | 'side' | 'runtime' | 'model' | 'engine'>[]>} its sides; none when it cannot run
 *   here, and then it has printed why
 */
async function preparePeer(name, modelFor, threads) {
  try {
    const runtime = await installPeer(name)
    const model = await modelFor()
    const sides =
      name === 'openvino-genai'
        ? ['SDPA', 'PA'].map((engine) => ({
            label: `openvino-genai ${engine}`,
            side: name,
            runtime,
            model,
            engine,
          }))
        : [{ label: name, side: name, runtime, model }]
    for (const side of sides) await prepare(side, threads)
    return sides
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    console.error(`${error.message} It is left out; --no-peer leaves all peers out.`)
    return []
  }
}
