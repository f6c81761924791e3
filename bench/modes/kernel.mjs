// @ts-check
import * as single from './single.mjs'

export const peers = single.peers

const theirs = "OpenVINO's kernels"

/**
 * One stream with the built-in kernels, with OpenVINO's in their place, and with the peers.
 * @param {import('../context.mjs').Context} context
 * @returns {import('../compare.mjs').Mode}
 */
export function plan(context) {
  const { ours, sides } = context
  return single.plan({
    ...context,
    sides: (workload) => {
      const [first, ...others] = sides({ ...workload, kernel: 'builtin' })
      const replaced = ours({ ...workload, label: theirs, kernel: 'openvino' })
      return first ? [first, replaced, ...others] : []
    },
  })
}
