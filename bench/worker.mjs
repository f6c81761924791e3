// @ts-check
import { pathToFileURL } from 'node:url'
import { residentMemory } from './machine.mjs'

/**
 * @typedef {object} Setup what one process does
 * @property {string} label of the side in the report
 * @property {string} side the name of the module in sides/ that drives the product
 * @property {string} runtime absolute path of the product's own module, or of the Python that has it
 * @property {string} model absolute path of a GGUF or a model folder
 * @property {number} threads
 * @property {number} context positions that a sequence needs
 * @property {number} sequences that run at once
 * @property {boolean} [exact] computes and keeps the KV cache in f32
 * @property {string} [engine] of openvino-llm, or the back-end of openvino-genai; default: the product's own choice
 * @property {string} [kernel] cpuKernel of openvino-llm; default: its own choice
 * @property {{ vocabulary: number, stepMicroseconds: number }} [script] of the side 'scripted'
 * @property {{ kind: string } & Record<string, any>} task `kind` is the name of the module in tasks/
 *
 * @typedef {object} Usage
 * @property {number} cachedTokens prompt tokens that were not computed
 * @property {number} draftTokens guessed ones that were computed
 * @property {number} acceptedTokens guessed ones that were right
 *
 * @typedef {object} Ask how an answer is made
 * @property {number} [stream] which of the sequences, from 0
 * @property {boolean} [lookup] guesses from the prompt
 * @property {boolean} [sample] top-p instead of greedy
 * @property {boolean} [reuse] the prompt's beginning may come from the cache
 * @property {(usage: Usage) => void} [onUsage]
 * @property {(tokens: readonly number[]) => void} [onTokens]
 *
 * @typedef {object} Opened a product with the model loaded
 * @property {string} version
 * @property {Record<string, string>} settings as the product reports them
 * @property {string} [folder] the IR that it runs
 * @property {any} [llm] the model, when it is this project's and in this process
 * @property {() => Promise<number>} [cpuTime] milliseconds of CPU time of the process that computes, when that is another one;
 *   not a number where the system does not tell
 * @property {(prompt: number[] | string, newTokens: number, ask?: Ask) => AsyncIterable<number>} generate one answer that
 *   ignores the end tokens; yields how many tokens have come, as they come
 * @property {() => Promise<void>} close
 *
 * @typedef {object} Answer what every process reports, beside what its task does
 * @property {string} version
 * @property {Record<string, string>} settings
 * @property {string} [folder]
 * @property {number} module milliseconds to import the product
 * @property {number} load milliseconds from the first call to ready
 * @property {{ anonymous: number, file: number }} [memory] resident bytes after the task
 * @property {number} cpuTime milliseconds of all threads of the process, and of the one that computes for it
 */

/**
 * Loads the model and does the task.
 * @param {Setup} setup
 * @returns {Promise<Answer>}
 */
async function work(setup) {
  const importing = performance.now()
  const product = /\.m?js$/.test(setup.runtime) && (await import(pathToFileURL(setup.runtime).href))
  const { open } = await import(`./sides/${setup.side}.mjs`)
  const { run } = await import(`./tasks/${setup.task.kind}.mjs`)
  const begun = performance.now()
  const module = begun - importing
  /** @type {Opened} */
  const opened = await open(product, setup)
  const load = performance.now() - begun
  const result = await run(opened, setup.task)
  const memory = residentMemory()
  const elsewhere = (await opened.cpuTime?.()) || 0
  await opened.close()
  const { version, settings, folder } = opened
  const { user, system } = process.cpuUsage()
  return { ...result, version, settings, folder, module, load, memory, cpuTime: (user + system) / 1000 + elsewhere }
}

process.once('message', (setup) => {
  work(/** @type {Setup} */ (setup))
    .then(
      (answer) => ({ answer }),
      (error) => ({ error: error instanceof Error ? error.message : String(error) }),
    )
    // Whatever a product leaves running must not keep the process alive.
    .then((reply) => process.send?.(reply, () => process.exit(0)))
})
// The bench has ended without us.
process.once('disconnect', () => process.exit(1))
