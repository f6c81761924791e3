// @ts-check

/**
 * node-llama-cpp as a side of the benchmark: its best settings for a CPU, otherwise its defaults.
 * @param {any} product its module, whose types are not installed here
 * @param {import('../worker.mjs').Setup} setup
 * @returns {Promise<import('../worker.mjs').Opened>}
 */
export async function open(product, { model: modelPath, threads, context: contextSize, sequences: count }) {
  const llama = await product.getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    logLevel: product.LlamaLogLevel.error,
    // Without its own limit, so that `threads` below is exact.
    maxThreads: 0,
  })
  const model = await llama.loadModel({ modelPath })
  const context = await model.createContext({
    // Of each sequence.
    contextSize,
    sequences: count,
    batchSize: 512,
    threads,
    flashAttention: true,
  })
  const sequences = Array.from({ length: count }, () => context.getSequence())
  return {
    version: await product.getModuleVersion(),
    settings: {
      'llama.cpp': llama.llamaCppRelease.release,
      device: llama.gpu || 'CPU',
      threads: String(context.idealThreads),
      'KV cache': `${product.GgmlType[context.kvCacheKeyType]} ${product.GgmlType[context.kvCacheValueType]}`,
      'flash attention': String(context.flashAttention),
      'batch size': String(context.batchSize),
      ...(count > 1 ? { sequences: String(count) } : {}),
      weights: 'as in the file',
    },
    async *generate(prompt, newTokens, { stream = 0 } = {}) {
      if (typeof prompt === 'string') throw new Error('node-llama-cpp is asked with token ids only')
      const sequence = sequences[stream]
      await sequence.clearHistory()
      let count = 0
      for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        yield 1
        if (++count === newTokens) break
      }
    },
    close: () => llama.dispose(),
  }
}
