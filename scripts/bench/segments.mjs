// @ts-check
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Complaint } from '../run.mjs'
import { foreignShare, processorTime } from './machine.mjs'

/**
 * @typedef {import('./statistics.mjs').Segment} Segment
 * @typedef {import('./worker.mjs').Setup} Setup
 */

/** The longest segment takes seconds: what runs this long hangs. In milliseconds. */
const deadline = 600_000

/**
 * Who runs when: A B B A A B …, so that a machine that gets steadily slower or faster favours neither.
 * @template T
 * @param {readonly T[]} sides
 * @param {number} rounds segments of each side
 * @returns {T[]}
 */
export function interleave(sides, rounds) {
  return Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? [...sides] : [...sides].reverse())).flat()
}

/**
 * Runs one segment in a process of its own, from the load on: its memory, threads and event loop are nobody else's, and
 * every pair has a load to compare.
 * @param {Setup} setup
 * @returns {Promise<{ segment: Segment, foreign: number }>} `foreign` is the share of the machine that other programs used
 * @throws {Complaint} when the side fails, dies or hangs
 */
export function runSegment(setup) {
  return new Promise((resolve, reject) => {
    const before = processorTime()
    // Standard output is the report's alone.
    const child = fork(fileURLToPath(new URL('worker.mjs', import.meta.url)), {
      stdio: ['ignore', 2, 2, 'ipc'],
      execArgv: [],
    })
    /** @param {string} reason */
    const fail = (reason) => {
      clearTimeout(timer)
      reject(new Complaint(`${setup.side}: ${reason}`))
    }
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`the segment did not end within ${deadline / 1000} s`)
    }, deadline)
    /** @type {{ segment?: Segment, error?: string } | undefined} */
    let answer
    child.once('message', (message) => {
      answer = /** @type {typeof answer} */ (message)
    })
    child.once('error', (error) => fail(error.message))
    // The next segment begins when this one has given back its memory.
    child.once('close', (code, signal) => {
      if (!answer?.segment) return fail(answer?.error ?? `its process ended with ${signal ?? `exit code ${code}`}`)
      clearTimeout(timer)
      resolve({ segment: answer.segment, foreign: foreignShare(before, processorTime(), answer.segment.cpuTime) })
    })
    child.send(setup, (error) => error && fail(error.message))
  })
}
