// @ts-check
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventsOf, StreamClient } from '../http-stream.mjs'

/**
 * This project behind its own server, which is a process of its own. What a client measures is in this one.
 * @param {any} product its module
 * @param {import('../worker.mjs').Setup} setup with a script, the server runs that instead of a model
 * @returns {Promise<import('../worker.mjs').Opened>}
 */
export async function open({ version }, setup) {
  const child = fork(fileURLToPath(new URL('../serving.mjs', import.meta.url)), {
    stdio: ['ignore', 2, 2, 'ipc'],
    execArgv: [],
  })
  const ended = once(child, 'exit')
  const tell = async (/** @type {import('node:child_process').Serializable} */ message) => {
    const reply = once(child, 'message')
    child.send(message)
    const dead = ended.then(([code, signal]) => [{ error: `the server ended with ${signal ?? `exit code ${code}`}` }])
    const [{ error, ...answer }] = await Promise.race([reply, dead])
    if (error) throw new Error(error)
    return answer
  }
  const { url, settings, folder } = await tell(setup)
  const client = new StreamClient(url)
  return {
    version,
    folder,
    settings: { ...settings, client: 'a process of its own, HTTP over plain sockets on loopback' },
    async *generate(prompt, newTokens, { sample, reuse } = {}) {
      const response = client.post('/v1/completions', {
        prompt,
        max_tokens: newTokens,
        ignore_eos: true,
        skip_special_tokens: false,
        ...(sample ? { temperature: 0.7, top_p: 0.9, seed: 1 } : { temperature: 0 }),
        stream: true,
        stream_options: { include_usage: true },
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
        if (cached > 0 && !reuse) throw new Error(`${cached} prompt tokens came from the cache: this is no prefill`)
        // A chunk does not say how many tokens it has.
        yield usage.completion_tokens - told
      }
    },
    cpuTime: async () => (await tell('cpu')).cpuTime,
    async close() {
      client.close()
      child.disconnect()
      await ended
    },
  }
}
