import { LLMError } from '../errors.js'

/** What this package knows of a kind of device, and its defaults there. This file is the only one that names devices. */
export interface DeviceKind {
  /** Matches OpenVINO device strings of this kind. */
  pattern: RegExp
  /** Whether wanted rows of logits may be gathered inside the graph. */
  gatherRows: boolean
  /** Whether many sequences can share a paged KV cache there. */
  paged: boolean
  /** Whether the model is compiled for a longest prompt and a longest answer. */
  staticShapes: boolean
  /** Whether its compiled models are kept on disk. On CPU that costs a copy of the weights and makes nothing faster. */
  cachesModels: boolean
  /** Whether its threads are ours to choose: it computes on the cores that Node runs on. */
  usesCores: boolean
  /** Precision of the KV cache when none is asked for, for reckoning its size: OpenVINO's name. */
  kvPrecision: string
  /** Whether the KV cache takes memory as it is used; else it is taken at once. */
  lazyKvCache: boolean
  /** Most tokens of a prefill step of the paged and of the stateful runner. */
  prefillChunk: { paged: number; stateful: number }
  /** Properties that a load sets unless `ovConfig` does. */
  properties: Readonly<Record<string, string>>
}

/** The device that is used when none is named. */
export const defaultDevice = 'CPU'
/** Not OpenVINO's AUTO (that is `AUTO:GPU,CPU`): {@link chooseDevice} looks at what is there and whether the model fits. */
export const autoDevice = 'AUTO'
/** Plugins, each of which is probed in a process of its own when one of them crashes. */
export const plugins = ['CPU', 'GPU', 'NPU'] as const
/** One of {@link plugins}. */
export type Plugin = (typeof plugins)[number]

const latency = { PERFORMANCE_HINT: 'LATENCY' }
/** Larger paged steps are no faster on CPU, see {@link prefillChunk}. */
const chunks = { paged: 256, stateful: 2048 }
/** A prompt is one step: the plugin cuts it by itself. */
const wholePrompt = 2 ** 31 - 1

const virtual: Omit<DeviceKind, 'pattern' | 'properties'> = {
  gatherRows: true,
  paged: false,
  staticShapes: false,
  cachesModels: false,
  usesCores: false,
  kvPrecision: 'f16',
  lazyKvCache: true,
  prefillChunk: chunks,
}

const kinds: DeviceKind[] = [
  {
    pattern: /^CPU$/,
    gatherRows: true,
    paged: true,
    staticShapes: false,
    cachesModels: false,
    usesCores: true,
    kvPrecision: 'u8',
    lazyKvCache: true,
    prefillChunk: chunks,
    properties: latency,
  },
  {
    pattern: /^GPU(\.\d+)?$/,
    gatherRows: true,
    paged: true,
    staticShapes: false,
    cachesModels: true,
    usesCores: false,
    kvPrecision: 'f16',
    lazyKvCache: false,
    prefillChunk: { paged: 1024, stateful: 2048 },
    properties: latency,
  },
  {
    pattern: /^NPU(\.\d+)?$/,
    gatherRows: false,
    paged: false,
    staticShapes: true,
    cachesModels: true,
    usesCores: false,
    kvPrecision: 'f16',
    lazyKvCache: false,
    prefillChunk: { paged: wholePrompt, stateful: wholePrompt },
    properties: {},
  },
  { ...virtual, pattern: /^AUTO:.+$/, properties: latency },
  { ...virtual, pattern: /^(HETERO|MULTI|BATCH):.+$/, properties: {} },
]

/**
 * The kind of a device string, {@link autoDevice} having been resolved.
 * @throws LLMError `ERR_DEVICE` for a string that names no device.
 */
export function deviceKind(device: string): DeviceKind {
  const kind = kinds.find(({ pattern }) => pattern.test(device))
  if (kind) return kind
  throw new LLMError(
    'ERR_DEVICE',
    `option device: expected an OpenVINO device such as CPU, GPU, GPU.1, NPU, AUTO:GPU,CPU or HETERO:GPU,CPU, or AUTO, found ${JSON.stringify(device)}`,
  )
}

/**
 * Whether compiled models shall not be kept by default: the caller says where, or another device stands in for the NPU; what OpenVINO
 * 2026.4.1 reads back for that computes in another precision.
 */
export const ownCache = (properties: Readonly<Record<string, unknown>>): boolean =>
  properties['CACHE_DIR'] !== undefined || properties['NPUW_DEVICES'] !== undefined

/** What {@link chooseDevice} looks at of a device: OpenVINO's name and properties, and why it cannot be asked, or ''. */
export interface Candidate {
  name: string
  properties: Readonly<Record<string, string>>
  error: string
}

/** A device, and in words why this one. */
export interface ChosenDevice {
  device: string
  reason: string
}

/**
 * A discrete GPU before an integrated one before the CPU; a GPU only when what the model needs fits its memory, for an integrated one
 * that is what the system leaves free. An NPU is only ever asked for by name: it wants models that were exported for it.
 * @param neededBytes weights and the KV cache of one context
 * @param freeBytes of the system's memory
 */
export function chooseDevice(found: readonly Candidate[], neededBytes: number, freeBytes: number): ChosenDevice {
  const isGpu = ({ name, error }: Candidate) => error === '' && /^GPU(\.\d+)?$/.test(name)
  const rank = ({ properties }: Candidate) => (properties['DEVICE_TYPE'] === 'discrete' ? 0 : 1)
  const notes: string[] = []
  for (const gpu of found.filter(isGpu).sort((a, b) => rank(a) - rank(b))) {
    const own = Number(gpu.properties['GPU_DEVICE_TOTAL_MEM_SIZE'] ?? Number.NaN)
    const kind = rank(gpu) === 0 ? 'discrete' : 'integrated'
    const bytes = rank(gpu) === 0 ? own : Math.min(own, freeBytes)
    if (bytes >= neededBytes) {
      return {
        device: gpu.name,
        reason: [...notes, `${gpu.name} is ${kind} and has ${gigabytes(bytes)} for ${gigabytes(neededBytes)}`].join(
          '; ',
        ),
      }
    }
    notes.push(
      Number.isNaN(bytes)
        ? `${gpu.name} does not tell its memory`
        : `${gpu.name} is ${kind} and has ${gigabytes(bytes)}, less than ${gigabytes(neededBytes)}`,
    )
  }
  if (notes.length === 0) notes.push('there is no GPU')
  return { device: 'CPU', reason: notes.join('; ') }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

/**
 * Tokens of one prefill step. A step cannot be left, so a cancelled request holds up the next one for at most this many. Larger steps of the
 * paged runner are no faster on CPU, and OpenVINO 2026.4.1 keeps more than a megabyte for each number of rows above 256 that it has
 * computed once; a stateful step that finds a cache is slow (2,000 tokens in one step 3 s, in steps of 512 about 20 s). It depends on the
 * model alone, because another division of the prompt may change an answer in its last bits.
 */
export function prefillChunk(
  kind: Pick<DeviceKind, 'prefillChunk' | 'staticShapes'>,
  weightsBytes: number,
  runner: 'paged' | 'stateful',
): number {
  const largest = kind.prefillChunk[runner]
  if (kind.staticShapes) return largest
  const smallest = 64
  const fitting = 2 ** Math.floor(Math.log2(2 ** 38 / Math.max(1, weightsBytes)))
  return Math.min(largest, Math.max(smallest, fitting))
}

/**
 * Tokens of the longest prompt and the longest answer that a device with fixed lengths is compiled for: as asked for, else together the
 * context that was asked for, else OpenVINO's own 1,024 and 128; never beyond the model's context.
 * @throws LLMError `ERR_CONTEXT_LENGTH` when both together are more than the model's context.
 */
export function staticShapes(
  options: {
    maxPromptLength?: number | undefined
    minResponseLength?: number | undefined
    contextLength?: number | undefined
  },
  modelContext: number,
): { maxPrompt: number; minResponse: number } {
  const context = Math.min(options.contextLength ?? modelContext, modelContext)
  const minResponse = options.minResponseLength ?? Math.min(128, Math.max(1, Math.floor(context / 2)))
  const usual = options.contextLength === undefined ? 1024 : context
  const maxPrompt = options.maxPromptLength ?? Math.max(1, Math.min(usual, context - minResponse))
  if (maxPrompt + minResponse > context) {
    throw new LLMError(
      'ERR_CONTEXT_LENGTH',
      `options maxPromptLength and minResponseLength: expected together at most the context of ${context} tokens, found ${maxPrompt} and ${minResponse}`,
    )
  }
  return { maxPrompt, minResponse }
}
