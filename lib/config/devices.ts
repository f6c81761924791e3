import { LLMError } from '../errors.js'

/** What this package knows of a kind of device. This file is the only one that names devices. */
export interface DeviceKind {
  /** Matches OpenVINO device strings of this kind. */
  pattern: RegExp
  /** Whether wanted rows of logits may be gathered inside the graph. */
  gatherRows: boolean
  /** Whether many sequences can share a paged KV cache there. */
  paged: boolean
  /** Why this version does not run there, or undefined. */
  unsupported?: string
}

/** The device that is used when none is named. */
export const defaultDevice = 'CPU'

const kinds: DeviceKind[] = [
  { pattern: /^CPU$/, gatherRows: true, paged: true },
  { pattern: /^GPU(\.\d+)?$/, gatherRows: true, paged: false },
  {
    pattern: /^NPU(\.\d+)?$/,
    gatherRows: false,
    paged: false,
    unsupported: 'its plugin needs a prompt length and a response length fixed at load, which this version does not do',
  },
  { pattern: /^(AUTO|HETERO|MULTI|BATCH)(:.+)?$/, gatherRows: true, paged: false },
]

/**
 * The kind of a device string.
 * @throws LLMError `ERR_DEVICE` for a string that names no device, or one that this version does not support.
 */
export function deviceKind(device: string): DeviceKind {
  const kind = kinds.find(({ pattern }) => pattern.test(device))
  if (!kind) {
    throw new LLMError(
      'ERR_DEVICE',
      `option device: expected an OpenVINO device such as CPU, GPU, GPU.1 or AUTO:GPU,CPU, found ${JSON.stringify(device)}`,
    )
  }
  if (kind.unsupported)
    throw new LLMError('ERR_DEVICE', `option device: ${device} is not supported: ${kind.unsupported}`)
  return kind
}

/**
 * Tokens of one prefill step. A step cannot be left, so a cancelled request holds up the next one for at most this many. Larger steps of the
 * paged runner are no faster, and OpenVINO 2026.4.1 keeps more than a megabyte for each number of rows above 256 that it has computed once;
 * a stateful step that finds a cache is slow (2,000 tokens in one step 3 s, in steps of 512 about 20 s). It depends on the model alone,
 * because another division of the prompt may change an answer in its last bits.
 */
export function prefillChunk(weightsBytes: number, runner: 'paged' | 'stateful'): number {
  const smallest = 64
  const largest = runner === 'paged' ? 256 : 2048
  const fitting = 2 ** Math.floor(Math.log2(2 ** 38 / Math.max(1, weightsBytes)))
  return Math.min(largest, Math.max(smallest, fitting))
}
