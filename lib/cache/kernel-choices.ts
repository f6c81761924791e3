import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import type { BuildInfo, NativeKernelChoice } from '../engine/boundary.js'
import { type CacheKind, CacheStore } from './store.js'

/** Which kernel is quicker for which weights, as it was measured here: a JSON file for each processor, version and setting. */
const kernelChoices: CacheKind = { folder: 'kernels', entry: /^[0-9a-f]{16}\.json$/ }

/** What a measurement depends on, besides the scheme of the weights. */
export interface MeasuredUnder {
  /** OpenVINO properties of the load, as `KEY=VALUE` lines. */
  properties: readonly string[]
  activationSpan: number
  size: ModelSize
}

/**
 * How large a model's layers are, as its weights tell. One layer is measured, the largest that takes no time: in a toy it takes microseconds, of
 * which most are spent on calling it, and its kernels say nothing about those of larger models.
 */
export type ModelSize = 'toy' | 'small' | 'large'

/** @param weightsBytes of the whole model */
export function modelSize(weightsBytes: number): ModelSize {
  return weightsBytes < 32e6 ? 'toy' : weightsBytes < 1e9 ? 'small' : 'large'
}

/** What a file holds: also where it was measured, so that a person can tell. */
interface Stored {
  /** The processor's name and how many of it there are. */
  machine: readonly [string, number]
  version: string
  openvino: string
  properties: readonly string[]
  activationSpan: number
  size: ModelSize
  /** By scheme of the weights. `ratios`: how many times quicker the built-in kernel was with 1, 8 and 128 rows of activations. */
  choices: Record<string, { kernel: 'builtin' | 'openvino'; ratios: number[] }>
}

/** A scheme of weights and what this machine was found to compute it best with, under one setting. */
export interface MeasuredKernel extends MeasuredUnder {
  scheme: string
  kernel: 'builtin' | 'openvino'
  ratios: number[]
}

/** What is measured under a cap of the instructions is another processor's. */
function processorHere(): Stored['machine'] {
  const { OPENVINO_LLM_MAX_CPU_ISA: level = '' } = process.env
  return [`${cpus()[0]?.model ?? ''}${level && ` as ${level}`}`, cpus().length]
}

/**
 * What was measured under one setting. It is only a memory: what cannot be read is measured again, and what cannot be written is measured
 * at each load.
 */
export class KernelChoices {
  readonly #store: CacheStore
  readonly #name: string
  readonly #under: Omit<Stored, 'choices'>

  constructor(cacheRoot: string, { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>, under: MeasuredUnder) {
    const properties = [...under.properties].sort()
    this.#store = new CacheStore(kernelChoices, cacheRoot)
    const { activationSpan, size } = under
    this.#under = { machine: processorHere(), version, openvino, properties, activationSpan, size }
    this.#name = `${createHash('sha256').update(JSON.stringify(this.#under)).digest('hex').slice(0, 16)}.json`
  }

  /** As the addon takes them: `SCHEME=builtin` or `SCHEME=openvino`. */
  async read(): Promise<string[]> {
    return Object.entries(await this.#choices()).map(([scheme, { kernel }]) => `${scheme}=${kernel}`)
  }

  /** Keeps what a load measured. */
  async add(measured: readonly NativeKernelChoice[]): Promise<void> {
    const found = measured.filter(({ ratios }) => ratios.length > 0)
    if (found.length === 0) return
    const choices = await this.#choices()
    for (const { scheme, kernel, ratios } of found) {
      choices[scheme] = { kernel: kernel === 'openvino' ? 'openvino' : 'builtin', ratios }
    }
    await this.#store
      .write(this.#name, JSON.stringify({ ...this.#under, choices }, null, 2))
      .then(() => this.#store.tidy(this.#name))
      .catch(() => undefined)
  }

  async #choices(): Promise<Stored['choices']> {
    return (await this.#store.read(this.#name, parse))?.choices ?? {}
  }
}

/** Everything that was measured with this processor and these versions, with the settings that it holds for. */
export async function measuredKernels(
  cacheRoot: string,
  { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>,
): Promise<MeasuredKernel[]> {
  const store = new CacheStore(kernelChoices, cacheRoot)
  const found: MeasuredKernel[] = []
  const here = JSON.stringify([processorHere(), version, openvino])
  for (const name of await store.names()) {
    const stored = await store.read(name, parse)
    if (!stored || JSON.stringify([stored.machine, stored.version, stored.openvino]) !== here) continue
    const { properties = [], activationSpan = 0, size } = stored
    if (size === undefined || !Array.isArray(properties)) continue // of an earlier version, or damaged
    for (const [scheme, choice] of Object.entries(stored.choices)) {
      found.push({ scheme, ...choice, properties, activationSpan, size })
    }
  }
  return found
}

/** Choices that this version does not know, such as `own` of an earlier one, are left out. */
function parse(text: string): Partial<Stored> & Pick<Stored, 'choices'> {
  const { choices = {}, ...rest } = JSON.parse(text) as Partial<Stored>
  const valid = Object.entries(choices).filter(
    ([, { kernel, ratios }]) =>
      (kernel === 'builtin' || kernel === 'openvino') && Array.isArray(ratios) && ratios.every(Number.isFinite),
  )
  return { ...rest, choices: Object.fromEntries(valid) }
}
