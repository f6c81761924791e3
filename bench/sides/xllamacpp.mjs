// @ts-check
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { eventsOf, StreamClient } from '../http-stream.mjs'

/** Milliseconds of a tick of the clock in /proc: Linux counts 100 a second wherever Node runs. */
const tick = 10

/**
 * llama.cpp's own server, which xllamacpp carries, as a process of its own: its best settings for a CPU, otherwise its defaults. What a client
 * measures is in this process.
 * @param {unknown} _product nothing: it runs in Python
 * @param {import('../worker.mjs').Setup} setup `runtime` is that Python
 * @returns {Promise<import('../worker.mjs').Opened>}
 */
export async function open(_product, { runtime, model, threads, context, sequences }) {
  const script = fileURLToPath(new URL('xllamacpp.py', import.meta.url))
  const setup = JSON.stringify({ model, threads, context, sequences })
  const child = spawn(runtime, ['-I', script, setup], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => {})
  const ended = new Promise((resolve) => child.once('error', resolve).once('exit', resolve))
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  const { url, version, settings, error } = await said.then(({ value }) => JSON.parse(value ?? '{}'))
  if (!url) throw new Error(`the server of xllamacpp did not begin: ${error ?? 'it said nothing'}`)
  const client = new StreamClient(url, { keeps: false })
  return {
    version,
    settings: { ...settings, client: 'a process of its own, HTTP over plain sockets on loopback' },
    async *generate(prompt, newTokens) {
      const response = client.post('/v1/completions', {
        prompt,
        max_tokens: newTokens,
        ignore_eos: true,
        temperature: 0,
        stream: true,
      })
      let told = 0
      for await (const { choices, usage, error } of eventsOf(response)) {
        if (error) throw new Error(error.message)
        if (choices[0]?.finish_reason === null) {
          told++
          yield 1
        }
        if (!usage) continue
        const { cached_tokens: cached } = usage.prompt_tokens_details
        if (cached > 0) throw new Error(`${cached} prompt tokens came from the cache: this is no prefill`)
        // A chunk does not say how many tokens it has.
        yield usage.completion_tokens - told
      }
    },
    cpuTime: async () => cpuTimeOf(child.pid),
    async close() {
      client.close()
      child.kill('SIGKILL')
      await ended
    },
  }
}

/**
 * User and system time of another process.
 * @param {number | undefined} pid
 * @returns {number} milliseconds; not a number where the system does not tell
 */
function cpuTimeOf(pid) {
  if (process.platform !== 'linux') return Number.NaN
  // The name of the program comes before, and may hold anything.
  const [, numbers = ''] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
  const [user, system] = numbers.split(' ').slice(11, 13).map(Number)
  return (Number(user) + Number(system)) * tick
}
