// @ts-check
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Tokens; prompts and answers of the tasks that run it are shorter. */
const contextLength = 1 << 20

/**
 * All of this project but the model: the native loop, the sampler and the way to the consumer, on a runner that computes
 * nothing or sleeps. Assembled as LLM.load does it from the package's inner modules.
 * @param {any} product the package's module, for its version
 * @param {import('../worker.mjs').Setup} setup `model` is a folder, whose tokenizer is used
 * @returns {Promise<import('../worker.mjs').Opened>}
 */
export async function open({ version }, { runtime, model, script, sequences }) {
  if (!script) throw new Error('the scripted side needs a script')
  const inner = (/** @type {string} */ path) => import(pathToFileURL(join(dirname(runtime), path)).href)
  const { Engine } = await inner('engine/engine.js')
  const { readFolder } = await inner('model/folder.js')
  const { TextWorker } = await inner('text/worker/text-worker.js')
  const { startRequest } = await inner('generation/request.js')
  const { GenerationStream } = await inner('generation/stream.js')
  const { resolveSampling } = await inner('options/resolve-sampling.js')
  const { ResidentEngine } = await inner('engine/resident.js')
  const { plainConfig } = await inner('loading/engine-config.js')

  const text = await TextWorker.open((await readFolder(model)).text)
  const engine = await Engine.start({
    ...plainConfig,
    runner: 'scripted',
    maxSequences: sequences,
    script: scriptOf(Math.min(text.tokens.size, script.vocabulary)),
    scriptNumbers: Int32Array.of(script.vocabulary, script.stepMicroseconds, 0, 0, 0, 0),
  })
  const stays = { model: '', unloadAfter: undefined, open: () => Promise.reject(new Error('it is never closed')) }
  const context = {
    engine: new ResidentEngine(engine, stays),
    text,
    warn: () => {},
    contextLength,
    contextReason: '',
    maxPrompt: contextLength,
    vocabularySize: script.vocabulary,
    canDraft: false,
    stopTokenIds: [],
    stopWords: [],
  }
  return {
    version,
    settings: { runner: 'scripted', vocabulary: String(script.vocabulary), step: `${script.stepMicroseconds} µs` },
    async *generate(prompt, newTokens, { sample, onTokens } = {}) {
      const options = { maxNewTokens: newTokens, ignoreEos: true, skipSpecialTokens: false }
      const sampling = resolveSampling(sample ? { temperature: 0.7, topP: 0.9, seed: 1 } : {}, sample === true)
      const stream = new GenerationStream({
        requestId: 'r',
        callSite: '',
        start: (/** @type {unknown} */ handler, /** @type {AbortSignal} */ signal) =>
          startRequest(
            context,
            { kind: 'tokens', tokens: Int32Array.from(/** @type {number[]} */ (prompt)) },
            options,
            sampling,
            handler,
            signal,
          ),
      })
      for await (const part of stream) {
        onTokens?.(part.tokens)
        yield part.tokens.length
      }
      await stream.result
    },
    close: async () => {
      await Promise.all([engine.close(), text.close()])
    },
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
