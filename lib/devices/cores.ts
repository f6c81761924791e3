import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

/** The cores that a model should compute on. */
export interface Cores {
  /** Physical performance cores of one processor that this process may use, ≥ 1; undefined where the system does not tell. */
  performance: number | undefined
  /** Whether there are efficiency cores besides. */
  hybrid: boolean
}

/** Where Linux tells; tests put another folder here. */
export interface CoresSource {
  /** Default `/sys/devices`. */
  root?: string
  /** Threads that the process may use, control groups and affinity considered. */
  parallelism?: number
}

/**
 * Counts physical cores from Linux' sysfs (Documentation/ABI/stable/sysfs-devices-system-cpu): two threads of one core get in each
 * other's way, an efficiency core holds up the others, and another processor's memory is far. Elsewhere OpenVINO's choice is left alone.
 */
export function readCores({ root = '/sys/devices', parallelism = availableParallelism() }: CoresSource = {}): Cores {
  try {
    const chosen = listed(root, 'cpu_core/cpus')
    const hybrid = chosen !== undefined && listed(root, 'cpu_atom/cpus') !== undefined
    const packages = new Map<string, Set<string>>()
    for (const name of readdirSync(join(root, 'system/cpu'))) {
      const number = /^cpu(\d+)$/.exec(name)?.[1]
      if (number === undefined || (hybrid && !chosen.has(Number(number)))) continue
      const topology = (what: string) => readFileSync(join(root, 'system/cpu', name, 'topology', what), 'utf8').trim()
      const processor = topology('physical_package_id')
      const cores = packages.get(processor) ?? new Set()
      packages.set(processor, cores.add(topology('core_id')))
    }
    const most = Math.max(...[...packages.values()].map(({ size }) => size))
    return { performance: most >= 1 ? Math.max(1, Math.min(most, parallelism)) : undefined, hybrid }
  } catch {
    // No sysfs, or one that a sandbox hides.
    return { performance: undefined, hybrid: false }
  }
}

/** A list such as `0-7,16`; undefined when there is none. */
function listed(root: string, path: string): Set<number> | undefined {
  let text: string
  try {
    text = readFileSync(join(root, path), 'utf8').trim()
  } catch {
    return undefined
  }
  const numbers = new Set<number>()
  for (const part of text.split(',').filter(Boolean)) {
    const [first = Number.NaN, last = first] = part.split('-').map(Number)
    for (let number = first; number <= last; number++) numbers.add(number)
  }
  return numbers
}

/**
 * The properties of threads on the CPU. Nothing where neither an option nor the system says how many.
 * @param threads option of that name
 * @param reserveCore leaves one core to the event loop and whatever else runs
 */
export function threadProperties(
  { performance, hybrid }: Cores,
  { threads, reserveCore = false }: { threads?: number | undefined; reserveCore?: boolean | undefined },
): Record<string, string> {
  const count = threads ?? (performance === undefined ? undefined : Math.max(1, performance - (reserveCore ? 1 : 0)))
  if (count === undefined) return {}
  const together = hybrid && performance !== undefined && count <= performance
  return { INFERENCE_NUM_THREADS: String(count), ...(together ? { SCHEDULING_CORE_TYPE: 'PCORE_ONLY' } : {}) }
}
