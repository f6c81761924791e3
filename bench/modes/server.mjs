// @ts-check
import { formatNumber } from '../report.mjs'
import { median } from '../statistics.mjs'

/** It carries llama.cpp's own server. */
export const peers = ['xllamacpp']

const streams = 16
/** Of the step of a runner that sleeps: about that of a small model. */
const stepMicroseconds = 10_000
const vocabulary = 32_064

/**
 * What the server adds to a call in the same process: on a runner that sleeps, where nothing competes for the CPU, and on the model. On the
 * model beside llama.cpp's server, too.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan({ options, ours, sides, ir }) {
  const { prompt = 32, newTokens = 64 } = options
  const workload = { context: prompt + newTokens + 16, sequences: streams }
  const task = { kind: 'server', streams, prompt, newTokens }
  const sleeping = {
    ...workload,
    model: ir,
    script: { vocabulary, stepMicroseconds },
    task: { ...task, singles: 100, rounds: 4 },
  }
  const computing = { ...workload, task: { ...task, singles: 10, alone: 2, rounds: 2 } }
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
  const [, ...others] = sides(computing)
  const [{ served: ownServer }] = runners.slice(-1)
  const rows = [
    ['tokens/s of 1 stream', 'alone'],
    [`tokens/s of ${streams} streams`, 'rate'],
    ['first token of one request', 'ttft'],
    [`first token of ${streams} streams`, 'ttftTogether'],
  ]
  return {
    title: `the server beside the same calls in process, ${prompt} prompt tokens; one request at a time, then ${streams} of ${newTokens} new tokens at once; a runner that sleeps ${stepMicroseconds / 1000} ms a step, then the model`,
    setups: [...runners.flatMap(({ inProcess, served }) => [inProcess, served]), ...others],
    absolute: true,
    figures: [
      { key: 'ttft', name: 'TTFT of one request, ms' },
      { key: 'ttftTogether', name: `TTFT of ${streams} streams, their median, ms` },
      { key: 'alone', name: '1 stream, tokens/s' },
      { key: 'rate', name: `${streams} streams together, tokens/s` },
      { key: 'requests', name: `${streams} streams together, requests/s` },
      { key: 'cpu', name: 'CPU time of the process that computes, ms/token' },
    ],
    quotients: [
      ...runners.map(({ name, inProcess, served }) => ({
        row: `${streams} streams, tokens/s, ${name}`,
        column: 'server to in process',
        over: /** @type {[string, string]} */ ([served.label, 'rate']),
        under: /** @type {[string, string]} */ ([inProcess.label, 'rate']),
      })),
      ...others.flatMap(({ label }) =>
        rows.map(([row = '', key = '']) => ({
          row: `${row}, model`,
          column: `server to ${label}`,
          over: /** @type {[string, string]} */ ([ownServer?.label ?? '', key]),
          under: /** @type {[string, string]} */ ([label, key]),
        })),
      ),
    ],
    notes: (answers) =>
      runners.map(({ name, inProcess, served }) => {
        const added = (/** @type {(answer: any) => number} */ of) => {
          const [alone = [], behind = []] = [inProcess, served].map(({ label }) => answers.get(label)?.map(of))
          return rangeOf(behind.map((value, pair) => value - (alone[pair] ?? Number.NaN)))
        }
        return `The server adds, ${name}: ${added(({ firsts }) => median(firsts))} ms to the first token, ${added(({ cpu }) => cpu * 1000)} µs of CPU time to a token.`
      }),
    values: ({ firsts, aloneRates, rates, firstsTogether, cpu }) => {
      const rate = median(rates)
      return {
        ttft: median(firsts),
        ttftTogether: median(firstsTogether),
        alone: aloneRates.length > 0 ? median(aloneRates) : undefined,
        rate,
        requests: rate / newTokens,
        cpu,
      }
    },
  }
}

/** Median, lowest and highest of the differences of each pair. @param {number[]} values */
function rangeOf(values) {
  return `${formatNumber(median(values))} [${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))}]`
}
