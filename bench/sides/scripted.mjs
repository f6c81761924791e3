// @ts-check
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { open as openModel } from './openvino-llm.mjs'

/**
 * All of this project but the model: its engine runs a script, which computes nothing or sleeps.
 * @param {any} product its module
 * @param {import('../worker.mjs').Setup} setup `model` is a folder, whose tokenizer is used
 * @returns {Promise<import('../worker.mjs').Opened>}
 */
export async function open(product, setup) {
  const { runtime, model, script } = setup
  if (!script) throw new Error('the scripted side needs a script')
  const { vocabulary, stepMicroseconds } = script
  const inner = (/** @type {string} */ path) => import(pathToFileURL(join(dirname(runtime), path)).href)
  const { Engine } = await inner('engine/engine.js')
  const { readFolder } = await inner('model/folder.js')
  const { TextWorker } = await inner('text/worker/text-worker.js')

  const text = await TextWorker.open((await readFolder(model)).text)
  const scripted = {
    runner: 'scripted',
    script: scriptOf(Math.min(text.tokens.size, vocabulary)),
    scriptNumbers: Int32Array.of(vocabulary, stepMicroseconds, 0, 0, 0, 0, 1),
  }
  await text.close()
  // The package has no option for this. The process does nothing else.
  const start = Engine.start
  Engine.start = (/** @type {object} */ config, /** @type {unknown} */ listeners) =>
    start.call(Engine, { ...config, ...scripted }, listeners)
  const opened = await openModel(product, setup)
  return {
    ...opened,
    settings: { runner: 'scripted', vocabulary: String(vocabulary), step: `${stepMicroseconds} µs` },
  }
}

/**
 * Tokens all over the vocabulary, the same on each run.
 * @param {number} size
 */
function scriptOf(size) {
  // 997 and 7919 are primes: it takes long until the sequence repeats.
  return Int32Array.from({ length: 997 }, (_, i) => ((i * i * 7919) % 1_000_003) % size)
}
