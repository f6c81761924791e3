// @ts-check
import { Parser } from 'tap-parser'

/** @typedef {import('tap-parser').Result} Result */

/**
 * Counts the assertions of TAP streams, each once, however deep it is nested, and prints each failure as soon as it is known.
 * A file or process that fails without a failed assertion (a crash, a timeout, no plan) counts as one failure.
 */
export class TestReport {
  passed = 0
  failed = 0
  /** How the tests run that are read next, if this is not the usual way; it is said of each that fails or is skipped. */
  context = ''
  /** @type {string[]} */
  skipped = []
  /** @type {string[]} */
  #failures = []
  /** @type {{ name: string, time: number }[]} top-level tests with their times in ms, as far as the stream says them */
  #times = []

  /**
   * Counts a failure that is not an assertion.
   * @param {string} name
   * @param {unknown} [details]
   */
  fail(name, details) {
    this.failed++
    const title = this.#title(name)
    this.#failures.push(title)
    console.log(`\nFAILED  ${title}\n${format(details)}`)
  }

  /** @param {string} name */
  #title(name) {
    return this.context ? `${name} (${this.context})` : name
  }

  /**
   * Reads one TAP stream to its end. Its top-level tests are named as they end.
   * @param {import('node:stream').Readable} stream
   * @param {string} source what makes the stream, for the case that it breaks off
   * @returns {Promise<void>}
   */
  read(stream, source) {
    return new Promise((resolve) => {
      const parser = new Parser()
      let before = { passed: this.passed, failed: this.failed, skipped: this.skipped.length }
      const total = { ...before }
      parser.on('pass', () => {
        this.passed++
      })
      // A program that dies before its first line leaves an empty stream, which is valid TAP.
      let empty = true
      stream.once('data', () => {
        empty = false
      })
      /** @type {Result | undefined} */
      let ended
      parser.on('fail', (result) => {
        if (result !== ended) this.fail(result.fullname, result.diag ?? result.tapError)
      })
      parser.on('skip', (result) => this.skipped.push(`${this.#title(result.fullname)}: ${reason(result.skip)}`))
      parser.on('todo', (result) => this.skipped.push(`${this.#title(result.fullname)}: to do: ${reason(result.todo)}`))
      parser.on('assert', (result) => {
        if (!result.closingTestPoint) return
        // All its assertions passed, but it crashed or timed out. The parser reports that after this event.
        if (!result.ok && this.failed === before.failed) this.fail(result.fullname, result.diag ?? result.tapError)
        ended = result
        const counts = [`${this.passed - before.passed} passed`]
        if (this.failed > before.failed) counts.push(`${this.failed - before.failed} failed`)
        if (this.skipped.length > before.skipped) counts.push(`${this.skipped.length - before.skipped} skipped`)
        console.log(`${result.ok ? 'ok    ' : 'NOT OK'}  ${result.name}  ${counts.join(', ')}`)
        if (result.time) this.#times.push({ name: this.#title(result.name), time: result.time })
        before = { passed: this.passed, failed: this.failed, skipped: this.skipped.length }
      })
      parser.on('complete', (results) => {
        const whole = results.ok && !empty
        if (!whole && this.failed === total.failed) this.fail(source, results.bailout || 'its output is not whole')
        resolve()
      })
      stream.pipe(parser)
    })
  }

  /**
   * Prints which of many files took longest, what was skipped and what failed, and as the last line the counts.
   * @returns {number} the exit code: 1 when anything failed or nothing ran
   */
  finish() {
    if (this.#times.length > 20) console.log(`\nSlowest:\n${slowest(this.#times, 20).join('\n')}`)
    if (this.skipped.length > 0) console.log(`\nSkipped:\n${this.skipped.map((line) => `  ${line}`).join('\n')}`)
    if (this.#failures.length > 0) console.log(`\nFailed:\n${this.#failures.map((line) => `  ${line}`).join('\n')}`)
    const nothing = this.passed + this.failed === 0
    if (nothing) console.log('\nNo test ran.')
    const skipped = this.skipped.length > 0 ? `, ${this.skipped.length} skipped` : ''
    console.log(`\n${this.passed} passed, ${this.failed} failed${skipped}`)
    return this.failed > 0 || nothing ? 1 : 0
  }
}

/**
 * @param {{ name: string, time: number }[]} tests
 * @param {number} count
 */
function slowest(tests, count) {
  const sorted = tests.toSorted((a, b) => b.time - a.time).slice(0, count)
  return sorted.map(({ name, time }) => `  ${(time / 1000).toFixed(1).padStart(6)} s  ${name}`)
}

/** @param {boolean | string} directive */
function reason(directive) {
  return typeof directive === 'string' && directive ? directive : 'no reason given'
}

/** @param {unknown} details the parsed diagnostics of a test point, or words */
function format(details) {
  if (typeof details !== 'object' || details === null) return details ? `  ${details}\n` : ''
  const lines = []
  for (const [key, value] of Object.entries(details)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    lines.push(text.includes('\n') ? `${key}:\n${text.trimEnd().replace(/^/gm, '  ')}` : `${key}: ${text}`)
  }
  return `${lines.join('\n').replace(/^/gm, '  ')}\n`
}
