// @ts-check
import { fork, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Complaint } from '../scripts/run.mjs'
import { foreignShare, processorTime } from './machine.mjs'

/**
 * @typedef {import('./worker.mjs').Setup} Setup
 * @typedef {{ answer?: any, error?: string }} Reply
 */

/** Milliseconds. The longest segment takes minutes: one that runs this long hangs. */
const deadline = 1_800_000

/** What ends the bench: Ctrl+C, a scheduler, a terminal that closes. */
const endings = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/** Sides in Python, which have a worker of their own. */
const python = new Set(['openvino-genai'])

/**
 * The order of the segments: A B B A A B …, so that a machine that gets steadily slower or faster favours neither side.
 * @template T
 * @param {readonly T[]} sides
 * @param {number} rounds segments of each side
 * @returns {T[]}
 */
export function interleave(sides, rounds) {
  return Array.from({ length: rounds }, (_, round) => (round % 2 === 0 ? [...sides] : [...sides].reverse())).flat()
}

/** Whether a segment gets a process group of its own, so that what its side starts can be ended with it. */
const detached = process.platform !== 'win32'

/**
 * Ends a segment's process and all that it has started.
 * @param {import('node:child_process').ChildProcess} child
 */
function end(child) {
  if (!detached || child.pid === undefined) {
    child.kill('SIGKILL')
    return
  }
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nothing of the group is left.
  }
}

/**
 * Runs one segment, including its load, in a process of its own, so that no other segment shares its memory, threads or
 * event loop.
 * @param {Setup} setup
 * @returns {Promise<{ answer: any, foreign: number }>} `answer` is what its task measured, with what worker.mjs adds;
 *   `foreign` is the share of the machine that other programs used
 * @throws {Complaint} when the side fails, dies or hangs
 */
export async function runSegment(setup) {
  const before = processorTime()
  // A peer that computes may notice neither a signal nor that nobody waits for it, and would take the cores for minutes. A
  // signal is handled after this function's first part, so `child` is there.
  const stop = (/** @type {NodeJS.Signals} */ signal) => {
    end(child)
    process.kill(process.pid, signal)
  }
  for (const signal of endings) process.once(signal, stop)
  const { child, reply } = python.has(setup.side) ? runPython(setup) : runNode(setup)
  // What a product has started must not run beside the next segment.
  child.once('exit', () => end(child))
  let hung = false
  const timer = setTimeout(() => {
    hung = true
    end(child)
  }, deadline)
  /** @type {string} */
  const ended = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message))
    // The next segment begins when this one has given back its memory.
    child.once('close', (code, signal) => resolve(`its process ended with ${signal ?? `exit code ${code}`}`))
  })
  clearTimeout(timer)
  for (const signal of endings) process.off(signal, stop)
  const { answer, error } = await reply()
  if (answer) return { answer, foreign: foreignShare(before, processorTime(), answer.cpuTime) }
  throw new Complaint(
    `${setup.label}: ${error ?? (hung ? `the segment did not end within ${deadline / 1000} s` : ended)}`,
  )
}

/** @param {Setup} setup */
function runNode(setup) {
  // Standard output is for the report alone.
  const child = fork(fileURLToPath(new URL('worker.mjs', import.meta.url)), {
    stdio: ['ignore', 2, 2, 'ipc'],
    execArgv: [],
    detached,
  })
  /** @type {Reply} */
  let reply = {}
  child.once('message', (message) => {
    reply = /** @type {Reply} */ (message)
  })
  // A child that has died is noticed by its 'close'.
  child.send(setup, () => {})
  return { child, reply: async () => reply }
}

/** @param {Setup} setup one line of JSON goes in, one comes out */
function runPython(setup) {
  const script = fileURLToPath(new URL(`sides/${setup.side}.py`, import.meta.url))
  const child = spawn(setup.runtime, ['-I', script], { stdio: ['pipe', 'pipe', 'inherit'], detached })
  child.stdin.on('error', () => {})
  child.stdin.end(`${JSON.stringify(setup)}\n`)
  const line = text(child.stdout).catch(() => '')
  return {
    child,
    /** @returns {Promise<Reply>} */
    async reply() {
      const json = await line
      return json.trim() === '' ? {} : JSON.parse(json)
    },
  }
}
