// @ts-check

/**
 * This project as a side of the benchmark: everything but the threads is its default.
 * @param {typeof import('../../dist/index.js')} product
 * @param {import('./worker.mjs').Setup} setup
 * @returns {Promise<import('./worker.mjs').Opened>}
 */
export async function open({ LLM, version }, { model, threads }) {
  const llm = await LLM.load(model, { ovConfig: { INFERENCE_NUM_THREADS: threads } })
  const { device, precision, properties, versions, weights } = llm.info
  return {
    version,
    settings: {
      OpenVINO: versions.openvino,
      device,
      threads: properties['INFERENCE_NUM_THREADS'] ?? 'unknown',
      computes: precision.inference,
      'KV cache': precision.kvCache,
      weights: Object.keys(weights).join(' '),
    },
    async *generate(ids, newTokens) {
      const stream = llm.stream(
        { tokens: ids },
        // A special token that is left out of the text comes with the next part: it would have no time of its own.
        { maxNewTokens: newTokens, temperature: 0, ignoreEos: true, skipSpecialTokens: false },
      )
      for await (const part of stream) yield part.tokens.length
      const { cachedTokens } = (await stream.result).usage
      if (cachedTokens > 0) throw new Error(`${cachedTokens} prompt tokens came from the cache: this is no prefill`)
    },
    close: () => llm.close(),
  }
}
