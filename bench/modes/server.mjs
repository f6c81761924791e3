// @ts-check
import { formatNumber } from '../report.mjs'
import { median } from '../statistics.mjs'

/** @type {string[]} */
export const peers = []

const streams = 16
/** Of the step of a runner that sleeps: about that of a small model. */
const stepMicroseconds = 10_000
const vocabulary = 32_064

/**
 * What the server adds to a call in the same process: on a runner that sleeps, where nothing competes for the CPU, and on the model.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, ours, ir }) {
  const { prompt = 32, newTokens = 64 } = options
  const workload = { context: prompt + newTokens + 16, sequences: streams }
  const task = { kind: 'server', streams, prompt, newTokens }
  const sleeping = {
    ...workload,
    model: ir,
    script: { vocabulary, stepMicroseconds },
    task: { ...task, singles: 100, rounds: 4 },
  }
  const computing = { ...workload, task: { ...task, singles: 10, rounds: 2 } }
  const runners = [
    {
      name: 'runner that sleeps',
      inProcess: ours({ ...sleeping, side: 'scripted', label: 'sleeping, in process' }),
      served: ours({ ...sleeping, side: 'server', label: 'sleeping, server' }),
    },
    {
      name: 'model',
      inProcess: ours({ ...computing, label: 'model, in process' }),
      served: ours({ ...computing, side: 'server', label: 'model, server' }),
    },
  ]
  return {
    title: `the server beside the same calls in process, ${prompt} prompt tokens; one request at a time, then ${streams} of ${newTokens} new tokens at once; a runner that sleeps ${stepMicroseconds / 1000} ms a step, then the model`,
    setups: runners.flatMap(({ inProcess, served }) => [inProcess, served]),
    absolute: true,
    figures: [
      { key: 'ttft', name: 'TTFT of one request, ms' },
      { key: 'rate', name: `${streams} streams together, tokens/s` },
      { key: 'requests', name: `${streams} streams together, requests/s` },
      { key: 'cpu', name: 'CPU time of the process that computes, ms/token' },
    ],
    quotients: runners.map(({ name, inProcess, served }) => ({
      row: `${streams} streams, tokens/s, ${name}`,
      column: 'server to in process',
      over: [served.label, 'rate'],
      under: [inProcess.label, 'rate'],
    })),
    notes: (answers) =>
      runners.map(({ name, inProcess, served }) => {
        const added = (/** @type {(answer: any) => number} */ of) => {
          const [alone = [], behind = []] = [inProcess, served].map(({ label }) => answers.get(label)?.map(of))
          return rangeOf(behind.map((value, pair) => value - (alone[pair] ?? Number.NaN)))
        }
        return `The server adds, ${name}: ${added(({ firsts }) => median(firsts))} ms to the first token, ${added(({ cpu }) => cpu * 1000)} µs of CPU time to a token.`
      }),
    values: ({ firsts, rates, cpu }) => {
      const rate = median(rates)
      return { ttft: median(firsts), rate, requests: rate / newTokens, cpu }
    },
  }
}

/** Median, lowest and highest of the differences of each pair. @param {number[]} values */
function rangeOf(values) {
  return `${formatNumber(median(values))} [${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))}]`
}
