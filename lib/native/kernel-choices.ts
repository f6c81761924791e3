import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { BuildInfo, NativeKernelChoice } from './addon.js'

/** What a measurement depends on beside the scheme of the weights. */
export interface MeasuredUnder {
  /** OpenVINO properties of the load, as `KEY=VALUE` lines. */
  properties: readonly string[]
  activationSpan: number
}

/**
 * Which kernel is quicker for which weights, as it was measured on this machine: a JSON file for each processor, version and setting. It is
 * only a memory: what cannot be read is measured again, what cannot be written is measured at each load.
 */
export class KernelChoices {
  readonly #path: string

  constructor(cacheRoot: string, { version, openvino }: Pick<BuildInfo, 'version' | 'openvino'>, under: MeasuredUnder) {
    const processors = cpus()
    const machine = [processors[0]?.model ?? '', processors.length]
    const key = JSON.stringify([machine, version, openvino, [...under.properties].sort(), under.activationSpan])
    const name = createHash('sha256').update(key).digest('hex').slice(0, 16)
    this.#path = join(cacheRoot, 'kernels', `${name}.json`)
  }

  /** As the addon takes them: `SCHEME=own` or `SCHEME=openvino`. */
  async read(): Promise<string[]> {
    return Object.entries(await this.#stored()).map(([scheme, kernel]) => `${scheme}=${kernel}`)
  }

  /** Keeps what a load measured. */
  async add(measured: readonly NativeKernelChoice[]): Promise<void> {
    const found = measured.filter(({ ratios }) => ratios.length > 0)
    if (found.length === 0) return
    const stored = await this.#stored()
    for (const { scheme, kernel } of found) stored[scheme] = kernel === 'openvino' ? 'openvino' : 'own'
    const temporary = `${this.#path}.${process.pid}.tmp`
    try {
      await mkdir(join(this.#path, '..'), { recursive: true })
      await writeFile(temporary, JSON.stringify(stored, null, 2))
      await rename(temporary, this.#path)
    } catch {
      await rm(temporary, { force: true }).catch(() => undefined)
    }
  }

  async #stored(): Promise<Record<string, 'own' | 'openvino'>> {
    const text = await readFile(this.#path, 'utf8').catch(() => '{}')
    try {
      const entries = Object.entries(JSON.parse(text) as Record<string, unknown>)
      const valid = entries.filter(([, kernel]) => kernel === 'own' || kernel === 'openvino')
      return Object.fromEntries(valid) as Record<string, 'own' | 'openvino'>
    } catch {
      return {}
    }
  }
}
