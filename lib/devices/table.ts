import { LLMError } from '../errors.js'

/** How a plugin wants a paged KV cache. Its block size and the order of its keys are fixed in the plugin. */
export interface PagedCache {
  memory: 'host' | 'device'
  blockTokens: number
  transposedKeys: boolean
}

/** What this package knows of a kind of device, and its defaults there. Only this folder names devices. */
export interface DeviceKind {
  /** Matches OpenVINO device strings of this kind. */
  pattern: RegExp
  /** Whether wanted rows of logits may be gathered inside the graph. */
  gatherRows: boolean
  /** Whether it spreads a model over other devices and hands properties on to them. */
  virtual: boolean
  /** How many sequences share a KV cache of blocks; undefined where they cannot. */
  pagedCache: PagedCache | undefined
  /** Whether the model is compiled for a longest prompt and a longest answer. */
  staticShapes: boolean
  /** Whether its compiled models are kept on disk. On CPU that costs a copy of the weights and makes nothing faster. */
  cachesModels: boolean
  /** Whether its threads are ours to choose: it computes on the cores that Node runs on. */
  usesCores: boolean
  /** Whether the built-in kernels can multiply with compressed weights there. */
  builtinKernels: boolean
  /** Precision of the KV cache when none is asked for, for reckoning its size: OpenVINO's name. */
  kvPrecision: string
  /** Whether the KV cache takes memory as it is used; else it is taken at once. */
  lazyKvCache: boolean
  /** Most tokens of a prefill step of the paged and of the stateful runner. */
  prefillChunk: { paged: number; stateful: number }
  /** Properties that a load sets unless `ovConfig` does. */
  properties: Readonly<Record<string, string>>
}

/** Not OpenVINO's AUTO (that is `AUTO:GPU,CPU`): `chooseDevice` looks at what is there and whether the model fits. */
export const autoDevice = 'AUTO'
/** Plugins, each of which is probed in a process of its own when one of them crashes. */
export const plugins = ['CPU', 'GPU', 'NPU'] as const
/** One of {@link plugins}. */
export type Plugin = (typeof plugins)[number]

const latency = { PERFORMANCE_HINT: 'LATENCY' }
/** Larger paged steps are no faster on CPU, see `prefillChunk`. */
const chunks = { paged: 256, stateful: 2048 }
/** A prompt is one step: the plugin cuts it by itself. */
const wholePrompt = 2 ** 31 - 1

const virtual: Omit<DeviceKind, 'pattern' | 'properties'> = {
  gatherRows: true,
  virtual: true,
  pagedCache: undefined,
  staticShapes: false,
  cachesModels: false,
  usesCores: false,
  builtinKernels: false,
  kvPrecision: 'f16',
  lazyKvCache: true,
  prefillChunk: chunks,
}

const kinds: DeviceKind[] = [
  {
    pattern: /^CPU$/,
    gatherRows: true,
    virtual: false,
    pagedCache: { memory: 'host', blockTokens: 32, transposedKeys: false },
    staticShapes: false,
    cachesModels: false,
    usesCores: true,
    builtinKernels: true,
    kvPrecision: 'u8',
    lazyKvCache: true,
    prefillChunk: chunks,
    properties: latency,
  },
  {
    pattern: /^GPU(\.\d+){0,2}$/,
    gatherRows: true,
    virtual: false,
    pagedCache: { memory: 'device', blockTokens: 16, transposedKeys: true },
    staticShapes: false,
    cachesModels: true,
    usesCores: false,
    builtinKernels: false,
    kvPrecision: 'f16',
    lazyKvCache: false,
    prefillChunk: { paged: 1024, stateful: 2048 },
    properties: latency,
  },
  {
    pattern: /^NPU(\.\d+)?$/,
    gatherRows: false,
    virtual: false,
    pagedCache: undefined,
    staticShapes: true,
    cachesModels: true,
    usesCores: false,
    builtinKernels: false,
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

/** What {@link autoDevice} reckons with: it takes a GPU where the model fits. */
export const autoKind: DeviceKind = deviceKind('GPU')
