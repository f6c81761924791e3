// @ts-check
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exists } from '../scripts/build/wheel.mjs'
import { ask, Complaint, root, runMain } from '../scripts/run.mjs'
import { shapes as dense, mixtures, weightSize } from './generate/shapes.mjs'
import { machine } from './machine.mjs'
import { formatNumber, formatRatio, machineLine, table } from './report.mjs'
import { median } from './statistics.mjs'

const shapes = { ...dense, ...mixtures }

const usage = `npm run bench:kernels -- [--shape NAME] [--rows N,N,…] [--repetitions N] [--threads N]
  times the matrix products of one step by themselves: each kernel that this processor runs, by number of rows;
  how fast the same threads read the weights of one row, which is the least that its step can take; and how many
  products a kernel's instructions give without any memory, which is the most that a step of many rows can reach
  --shape NAME     ${Object.keys(shapes).join(', ')} (default phi-3-mini, 2.0 GB of weights)
  --rows N,N,…     rows of activations (default 1,2,4,8,16,32,128,512)
  --repetitions N  of everything, one after the other (default 7)
  --threads N      default: physical cores`

/**
 * @typedef {object} Answer of bench/kernels_bench.cc
 * @property {number} threads
 * @property {number} bytes of the packed weights that one row reads
 * @property {number[]} read seconds, one of each repetition
 * @property {Limit[]} limits of kernels for x86
 * @property {Step[]} steps
 *
 * @typedef {{ kernel: string, int4: number[], int8: number[] }} Limit products a second, one of each repetition
 * @typedef {{ kernel: string, rows: number, int4: number, int8: number, times: number[] }} Step
 *   its products with weights of each kind; seconds, one of each repetition
 */

runMain(async () => {
  const options = parse(process.argv.slice(2))
  if (!options) {
    console.log(usage)
    return
  }
  const program = join(root, 'build', 'Release', `kernels_bench${process.platform === 'win32' ? '.exe' : ''}`)
  if (!(await exists(program))) throw new Complaint(`${program} is not built yet: run npm install, or npm run build.`)
  const here = machine()
  const { shape, repetitions, threads = here.cores, rows } = options
  const [qkv] = weightSize(shape, 'qkv_proj')
  const [, attention] = weightSize(shape, 'o_proj')
  const { count, each } = shape.experts ?? { count: 0, each: 0 }
  const sizes = [shape.layers, shape.hidden, qkv, attention, shape.ffn, shape.vocabulary, shape.group, count, each]
  const text = await ask(program, [...[repetitions, threads, ...sizes].map(String), rows.join(',')])
  if (text === undefined) throw new Complaint(`${program} failed.`)
  /** @type {Answer} */
  const answer = JSON.parse(text)
  console.log(
    `${options.name}'s shape, ${formatNumber(answer.bytes / 1e9)} GB of weights read by a row: matrix products of one step.`,
  )
  console.log(machineLine(here, new Date().toISOString()))
  console.log(`${answer.threads} threads, ${repetitions} repetitions; medians, [lowest–highest].\n`)
  console.log(report(answer).join('\n'))
})

/** @param {Answer} answer */
function report({ bytes, read, limits, steps }) {
  const rates = read.map((seconds) => bytes / seconds / 1e9)
  const ms = (/** @type {number[]} */ times) => range(times.map((seconds) => seconds * 1000))
  const billions = (/** @type {number[]} */ rates) => range(rates.map((rate) => rate / 1e9))
  return [
    ...table(
      ['', 'rows', 'ms', 'products/s (10⁹)', 'of the reading', 'of the instructions'],
      [
        ['reading the weights', '', ms(read), '', `${range(rates)} GB/s`, ''],
        ...limits.flatMap(({ kernel, int4, int8 }) => [
          [`instructions of ${kernel}, int4`, '', '', billions(int4), '', ''],
          [`instructions of ${kernel}, int8`, '', '', billions(int8), '', ''],
        ]),
        ...steps.map(({ kernel, rows, int4, int8, times }) => {
          const limit = limits.find((one) => one.kernel === kernel)
          return [
            kernel,
            String(rows),
            ms(times),
            billions(times.map((seconds) => (int4 + int8) / seconds)),
            // The same repetition's reading and instructions: the machine was as fast then.
            formatRatio(ratio(times.map((seconds, i) => seconds / at(read, i)))),
            limit
              ? formatRatio(
                  ratio(times.map((seconds, i) => (int4 / at(limit.int4, i) + int8 / at(limit.int8, i)) / seconds)),
                )
              : '',
          ]
        }),
      ],
    ),
  ]
}

/**
 * @param {number[]} values
 * @param {number} index
 */
function at(values, index) {
  return values[index] ?? Number.NaN
}

/** @param {number[]} values */
function ratio(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** @param {number[]} values */
function range(values) {
  const { median: middle, min, max } = ratio(values)
  return `${formatNumber(middle)} [${formatNumber(min)}–${formatNumber(max)}]`
}

/**
 * @param {string[]} args
 * @returns {{ name: string, shape: import('./generate/shapes.mjs').Shape, rows: number[], repetitions: number, threads?: number } | undefined}
 *   undefined: help is wanted
 * @throws {Complaint} naming the option
 */
function parse(args) {
  const { values } = parseArgs({
    args,
    options: {
      shape: { type: 'string', default: 'phi-3-mini' },
      rows: { type: 'string', default: '1,2,4,8,16,32,128,512' },
      repetitions: { type: 'string', default: '7' },
      threads: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return undefined
  const shape = shapes[values.shape]
  if (!shape) throw new Complaint(`--shape: expected ${Object.keys(shapes).join(', ')}, found '${values.shape}'.`)
  return {
    name: values.shape,
    shape,
    rows: values.rows.split(',').map((text) => integer('--rows', text, 2048)),
    repetitions: integer('--repetitions', values.repetitions, 1000),
    ...(values.threads === undefined ? {} : { threads: integer('--threads', values.threads, availableParallelism()) }),
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @param {number} most
 */
function integer(name, text, most) {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || value > most) {
    throw new Complaint(`${name}: expected an integer from 1 to ${most}, found '${text}'.`)
  }
  return value
}
