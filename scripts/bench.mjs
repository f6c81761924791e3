// @ts-check
import { join } from 'node:path'
import { parseArguments, usage } from './bench/arguments.mjs'
import { machine } from './bench/machine.mjs'
import { installPeer } from './bench/peer.mjs'
import { formatNumber, formatReport, tooBusy } from './bench/report.mjs'
import { interleave, runSegment } from './bench/segments.mjs'
import { median, overall, ratios, summarize } from './bench/statistics.mjs'
import { demoModel } from './demo-model.mjs'
import { Complaint, root, runMain } from './run.mjs'
import { exists } from './wheel.mjs'

/** Requests of a segment; the first one warms up. */
const requests = 4

runMain(async () => {
  const options = parseArguments(process.argv.slice(2))
  if (options.help) {
    console.log(usage)
    return
  }
  const dist = join(root, 'dist', 'index.js')
  if (!(await exists(dist))) throw new Complaint(`${dist} is not built yet: run npm install, or npm run build.`)
  const here = machine()
  const { prompt, newTokens, pairs, threads = here.cores } = options
  const common = { model: await demoModel(), threads, prompt, newTokens, requests }

  const ours = { ...common, side: 'openvino-llm', module: dist }
  await prepare(ours)
  const peer = options.peer ? await preparePeer(common) : undefined
  const setups = peer ? [ours, peer] : [ours]

  const runs = setups.map((setup) => ({
    setup,
    segments: /** @type {import('./bench/statistics.mjs').Segment[]} */ ([]),
  }))
  const order = interleave(runs, pairs)
  /** @type {number[]} */
  const foreign = []
  for (const [index, { setup, segments }] of order.entries()) {
    const run = await runSegment(setup)
    segments.push(run.segment)
    foreign.push(run.foreign)
    const { ttft, tpotP50 } = summarize(run.segment, prompt)
    const busy = run.foreign > tooBusy ? `, but other programs used ${(run.foreign * 100).toFixed(0)} % of the CPU` : ''
    console.error(
      `${String(index + 1).padStart(3)}/${order.length} ${setup.side}: TTFT ${formatNumber(ttft)} ms, TPOT ${formatNumber(tpotP50)} ms${busy}`,
    )
  }

  const sides = runs.map(({ setup, segments }) => {
    const values = segments.map((segment) => summarize(segment, prompt))
    const { version = '', settings = {} } = segments[0] ?? {}
    return { name: setup.side, version, settings, values: overall(values), segments: values }
  })
  const [first, second] = sides
  const report = {
    date: new Date().toISOString(),
    machine: here,
    model: 'SmolLM2-135M-Instruct, GGUF Q4_1',
    workload: { prompt, newTokens, pairs, requests: requests - 1, threads },
    foreign: { median: median(foreign), max: Math.max(...foreign) },
    sides,
    ratios: first && second ? ratios(first.segments, second.segments) : {},
  }
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report))
  return options.peer && !peer ? 1 : 0
})

/**
 * One request that nobody times: it converts the GGUF if need be, brings the files into the page cache and shows that the
 * side works here.
 * @param {import('./bench/worker.mjs').Setup} setup
 */
async function prepare(setup) {
  console.error(`Preparing ${setup.side}.`)
  await runSegment({ ...setup, requests: 1 })
}

/**
 * @param {Omit<import('./bench/worker.mjs').Setup, 'side' | 'module'>} common
 * @returns {Promise<import('./bench/worker.mjs').Setup | undefined>} undefined when it cannot run here, which has been said
 */
async function preparePeer(common) {
  try {
    const setup = { ...common, side: 'node-llama-cpp', module: await installPeer() }
    await prepare(setup)
    return setup
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    console.error(`${error.message} Only openvino-llm is measured; --no-peer asks for that.`)
    return undefined
  }
}
