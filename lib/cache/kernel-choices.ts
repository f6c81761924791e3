import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import type { BuildInfo, NativeKernelChoice } from '../engine/boundary.js'

/** What a measurement depends on beside the scheme of the weights. */
export interface MeasuredUnder {
  /** OpenVINO properties of the load, as `KEY=VALUE` lines. */
  properties: readonly string[]
  activationSpan: number
}

/** What a file holds: what was measured where, so that a person, too, can tell. */
interface Stored {
  /** The processor's name and how many of it there are. */
  machine: readonly [string, number]
  version: string
  openvino: string
  properties: readonly string[]
  activationSpan: number
  /** By scheme of the weights. `ratios`: how many times quicker the built-in kernel was with 1, 8 and 128 rows of activations. */
  choices: Record<string, { kernel: 'builtin' | 'openvino'; ratios: number[] }>
}

/** A scheme of weights and what this machine was found to compute it best with. */
export interface MeasuredKernel {
  scheme: string
  kernel: 'builtin' | 'openvino'
  ratios: number[]
}

const processorHere = (): Stored['machine'] => [cpus()[0]?.model ?? '', cpus().length]
const folderOf = (cacheRoot: string): string => join(cacheRoot, 'kernels')

/**
 * Which kernel is quicker for which weights, as it was measured on this machine: a JSON file for each processor, version and setting. It is
 * only a memory: what cannot be read is measured again, what cannot be written is measured at each load.
 */
export class KernelChoices {
  readonly #path: string
  readonly #under: Omit<Stored, 'choices'>

  constructor(cacheRoot: string, { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>, under: MeasuredUnder) {
    const properties = [...under.properties].sort()
    this.#under = { machine: processorHere(), version, openvino, properties, activationSpan: under.activationSpan }
    const name = createHash('sha256').update(JSON.stringify(this.#under)).digest('hex').slice(0, 16)
    this.#path = join(folderOf(cacheRoot), `${name}.json`)
  }

  /** As the addon takes them: `SCHEME=builtin` or `SCHEME=openvino`. */
  async read(): Promise<string[]> {
    const { choices } = await readStored(this.#path)
    return Object.entries(choices).map(([scheme, { kernel }]) => `${scheme}=${kernel}`)
  }

  /** Keeps what a load measured. */
  async add(measured: readonly NativeKernelChoice[]): Promise<void> {
    const found = measured.filter(({ ratios }) => ratios.length > 0)
    if (found.length === 0) return
    const { choices } = await readStored(this.#path)
    for (const { scheme, kernel, ratios } of found) {
      choices[scheme] = { kernel: kernel === 'openvino' ? 'openvino' : 'builtin', ratios }
    }
    const temporary = `${this.#path}.${process.pid}.tmp`
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      await writeFile(temporary, JSON.stringify({ ...this.#under, choices }, null, 2))
      await rename(temporary, this.#path)
    } catch {
      await rm(temporary, { force: true }).catch(() => undefined)
    }
  }
}

/** Everything that was measured with this processor and these versions, under whatever settings; each scheme once. */
export async function measuredKernels(
  cacheRoot: string,
  { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>,
): Promise<MeasuredKernel[]> {
  const found = new Map<string, MeasuredKernel>()
  const here = JSON.stringify([processorHere(), version, openvino])
  for (const name of (await readdir(folderOf(cacheRoot)).catch(() => [])).sort()) {
    const stored = await readStored(join(folderOf(cacheRoot), name))
    if (JSON.stringify([stored.machine, stored.version, stored.openvino]) !== here) continue
    for (const [scheme, choice] of Object.entries(stored.choices)) found.set(scheme, { scheme, ...choice })
  }
  return [...found.values()]
}

async function readStored(path: string): Promise<Partial<Omit<Stored, 'choices'>> & Pick<Stored, 'choices'>> {
  try {
    const { choices = {}, ...rest } = JSON.parse(await readFile(path, 'utf8')) as Partial<Stored>
    const valid = Object.entries(choices).filter(
      ([, { kernel, ratios }]) =>
        (kernel === 'builtin' || kernel === 'openvino') && Array.isArray(ratios) && ratios.every(Number.isFinite),
    )
    return { ...rest, choices: Object.fromEntries(valid) }
  } catch {
    return { choices: {} }
  }
}
