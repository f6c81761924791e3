// @ts-check

/**
 * This project as a side of the benchmark: its defaults, but for the threads and what a task needs.
 * @param {any} product its module: the types of dist/ are there only once it is built
 * @param {import('../worker.mjs').Setup} setup
 * @returns {Promise<import('../worker.mjs').Opened>}
 */
export async function open({ LLM, version }, { model, threads, sequences, exact, engine, kernel }) {
  const llm = await LLM.load(model, {
    ovConfig: { INFERENCE_NUM_THREADS: threads, ...(exact ? { INFERENCE_PRECISION_HINT: 'f32' } : {}) },
    ...(exact ? { kvCachePrecision: 'f32' } : {}),
    ...(sequences > 1 ? { maxSequences: sequences } : {}),
    ...(engine ? { engine } : {}),
    ...(kernel ? { cpuKernel: kernel } : {}),
  })
  const { device, folder, precision, properties, runner, kernels, versions, weights } = llm.info
  return {
    version,
    folder,
    llm,
    settings: {
      OpenVINO: versions.openvino,
      device,
      runner,
      threads: properties['INFERENCE_NUM_THREADS'] ?? 'unknown',
      computes: precision.inference,
      'KV cache': precision.kvCache,
      kernels: [...new Set(kernels.map(({ kernel }) => kernel))].join(' '),
      weights: Object.keys(weights).join(' '),
    },
    async *generate(prompt, newTokens, { lookup, sample, reuse, onUsage, onTokens } = {}) {
      const stream = llm.stream(typeof prompt === 'string' ? prompt : { tokens: prompt }, {
        maxNewTokens: newTokens,
        ignoreEos: true,
        // A special token that is left out of the text comes with the next part: it would have no time of its own.
        skipSpecialTokens: false,
        ...(sample ? { temperature: 0.7, topP: 0.9, seed: 1 } : { temperature: 0 }),
        ...(lookup ? { promptLookup: true } : {}),
      })
      for await (const part of stream) {
        onTokens?.(part.tokens)
        yield part.tokens.length
      }
      const { usage } = await stream.result
      if (usage.cachedTokens > 0 && !reuse) {
        throw new Error(`${usage.cachedTokens} prompt tokens came from the cache: this is no prefill`)
      }
      onUsage?.(usage)
    },
    close: () => llm.close(),
  }
}
