import { createHash } from 'node:crypto'
import { type Processor, readProcessor } from '../devices/processor.js'
import type { BuildInfo, NativeKernelChoice } from '../engine/boundary.js'
import { type CacheKind, CacheStore } from './store.js'

/**
 * Which kernel is quicker for which weights, as it was measured here. Each measurement is a file of its own, so that processes which measure
 * at one time cannot lose each other's. The name begins with digits for what it holds for; files of earlier versions had no second part,
 * and are removed when they are old.
 */
const kernelChoices: CacheKind = {
  folder: 'kernels',
  entry: /^[0-9a-f]{16}(-[0-9a-f]{16})?\.json$/,
  maxAge: 180 * 24 * 60 * 60 * 1000,
}

/** Another one whenever what is measured, or what a file says, changes. */
const format = 2

/** A measurement in doubt is made again, at a load this much later: the machine may be quiet then. */
const doubtMilliseconds = 10 * 60 * 1000
/** How often all in all. A machine that is never quiet keeps the last one. */
const mostTries = 3

/** What a measurement depends on, besides the weights. */
export interface MeasuredUnder {
  /** OpenVINO properties of the load, as `KEY=VALUE` lines. */
  properties: readonly string[]
  activationSpan: number
}

/** Everything that it holds for, but for the weights. */
interface Settings extends MeasuredUnder {
  format: typeof format
  processor: Processor
  version: string
  openvino: string
}

/** A measurement, and whose it is. */
export interface MeasuredKernel extends MeasuredUnder {
  /** Of the weights, e.g. `u4 g128 asymmetric`. */
  scheme: string
  /** Of the layers that it holds for. */
  size: 'small' | 'large'
  kernel: 'builtin' | 'openvino'
  /** How many times quicker the built-in kernel was with 1, 8 and 128 rows of activations. */
  ratios: readonly number[]
  /** How far the repetitions lay apart, as a part of the ratio. */
  spread: number
  /** Whether they lay too far apart to decide, or were too few. */
  inDoubt: boolean
  /** When it was measured: milliseconds since 1970. */
  measured: number
  /** How often it was measured, this time included. */
  tries: number
}

interface Stored extends Settings, MeasuredKernel {}

/** The versions that measure, and what tests put in the place of this machine. */
export interface MeasuredBy extends Pick<BuildInfo, 'version' | 'openvino'> {
  processor?: Processor
  /** Milliseconds since 1970. */
  now?: () => number
}

/**
 * What was measured under one setting. It is only a memory: what cannot be read is measured again, and what cannot be written is measured
 * at each load.
 */
export class KernelChoices {
  readonly #store: CacheStore
  readonly #settings: Settings
  readonly #prefix: string
  readonly #now: () => number

  constructor(cacheRoot: string, by: MeasuredBy, { properties, activationSpan }: MeasuredUnder) {
    this.#store = new CacheStore(kernelChoices, cacheRoot)
    const relevant = properties.filter(mattersToProducts).sort()
    this.#settings = { format, ...maker(by), properties: relevant, activationSpan }
    this.#prefix = digest(this.#settings)
    this.#now = by.now ?? Date.now
  }

  /** As the addon takes them, without those that are to be measured again: `SIZE SCHEME=builtin` or `SIZE SCHEME=openvino`. */
  async read(): Promise<string[]> {
    const lines: string[] = []
    for (const name of await this.#store.names()) {
      if (!name.startsWith(`${this.#prefix}-`)) continue
      const stored = await this.#store.read(name, parse)
      if (!stored || this.#isToBeMeasuredAgain(stored)) continue
      lines.push(`${stored.size} ${stored.scheme}=${stored.kernel}`)
      await this.#store.use(name).catch(() => undefined)
    }
    return lines
  }

  /** Keeps what a load measured, in the place of what was measured before. */
  async add(choices: readonly NativeKernelChoice[]): Promise<void> {
    for (const { scheme, size, kernel, ratios, spread, inDoubt } of choices) {
      if (ratios.length === 0 || (size !== 'small' && size !== 'large')) continue
      const name = `${this.#prefix}-${digest([scheme, size])}.json`
      const before = await this.#store.read(name, parse)
      const stored: Stored = {
        ...this.#settings,
        scheme,
        size,
        kernel: kernel === 'openvino' ? 'openvino' : 'builtin',
        ratios,
        spread,
        inDoubt,
        measured: this.#now(),
        tries: (before?.tries ?? 0) + 1,
      }
      await this.#store
        .write(name, JSON.stringify(stored, null, 2))
        .then(() => this.#store.tidy(name))
        .catch(() => undefined)
    }
  }

  #isToBeMeasuredAgain(stored: Stored): boolean {
    return willMeasureAgain(stored) && this.#now() - stored.measured >= doubtMilliseconds
  }
}

/** Whether a later load measures that again. */
export function willMeasureAgain({ inDoubt, tries }: Pick<MeasuredKernel, 'inDoubt' | 'tries'>): boolean {
  return inDoubt && tries < mostTries
}

/** Everything that was measured with this processor and these versions, with the settings that it holds for. */
export async function measuredKernels(cacheRoot: string, by: MeasuredBy): Promise<MeasuredKernel[]> {
  const store = new CacheStore(kernelChoices, cacheRoot)
  const here = JSON.stringify(maker(by))
  const found: MeasuredKernel[] = []
  for (const name of await store.names()) {
    const stored = await store.read(name, parse)
    if (!stored) continue
    const { format: _, processor, version, openvino, ...measured } = stored
    if (JSON.stringify({ processor, version, openvino }) === here) found.push(measured)
  }
  return found
}

/**
 * Forgets all that was measured, with whatever processor and version, so that the next loads measure again.
 * @returns how many measurements that were
 * @throws LLMError `ERR_CACHE`
 */
export async function forgetMeasuredKernels(cacheRoot: string): Promise<number> {
  const store = new CacheStore(kernelChoices, cacheRoot)
  const names = await store.names()
  try {
    for (const name of names) await store.remove(name)
  } catch (error) {
    throw store.failure(error)
  }
  return names.length
}

function maker({
  version,
  openvino,
  processor = readProcessor(),
}: MeasuredBy): Omit<Settings, 'format' | keyof MeasuredUnder> {
  return { processor, version, openvino }
}

/** Where models and caches lie, and what keys and values are, changes no product with weights. */
function mattersToProducts(property: string): boolean {
  return !/^(CACHE_|KV_CACHE_|KEY_CACHE_|VALUE_CACHE_)/.test(property)
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)
}

/** Nothing where it is damaged, or of another format. */
function parse(text: string): Stored | undefined {
  const stored = JSON.parse(text) as Stored
  const { scheme, size, kernel, ratios, spread, inDoubt, measured, tries, properties, activationSpan } = stored
  const valid =
    stored.format === format &&
    typeof scheme === 'string' &&
    (size === 'small' || size === 'large') &&
    (kernel === 'builtin' || kernel === 'openvino') &&
    Array.isArray(ratios) &&
    ratios.length > 0 &&
    [...ratios, spread, tries, activationSpan].every(Number.isFinite) &&
    !Number.isNaN(new Date(measured).getTime()) &&
    typeof inDoubt === 'boolean' &&
    Array.isArray(properties) &&
    properties.every((property) => typeof property === 'string')
  return valid ? stored : undefined
}
