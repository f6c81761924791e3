// @ts-check

/**
 * @typedef {import('./worker.mjs').Setup} Setup
 * @typedef {Pick<Setup, 'task' | 'context' | 'sequences'> & Partial<Setup>} Workload what the sides of a mode do alike
 *
 * @typedef {object} Context what a mode plans with
 * @property {import('./arguments.mjs').Options} options
 * @property {string} ir the model folder that is run
 * @property {(workload: Workload) => Setup} ours this project alone
 * @property {(workload: Workload) => Setup[]} sides this project and the peers that run here
 */

/**
 * @param {object} parts
 * @param {import('./arguments.mjs').Options} parts.options
 * @param {number} parts.threads
 * @param {string} parts.module absolute path of this project's dist/index.js
 * @param {string} parts.model what it loads
 * @param {string} parts.ir
 * @param {readonly Pick<Setup, 'label' | 'side' | 'runtime' | 'model' | 'engine'>[]} parts.peers
 * @returns {Context}
 */
export function contextOf({ options, threads, module, model, ir, peers }) {
  /** @param {Workload} workload @returns {Setup} */
  const ours = (workload) => ({
    label: 'openvino-llm',
    side: 'openvino-llm',
    runtime: module,
    model,
    threads,
    ...(options.engine ? { engine: options.engine } : {}),
    ...workload,
  })
  return {
    options,
    ir,
    ours,
    sides: (workload) => [ours(workload), ...peers.map((peer) => ({ ...workload, threads, ...peer }))],
  }
}
