// @ts-check
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'

/** CPU features that decide which int4, int8 and bf16 kernels run. */
const decisive = ['avx2', 'avx_vnni', 'avx512_vnni', 'avx512_bf16', 'amx_int8']

/**
 * @typedef {object} Machine
 * @property {string} cpu
 * @property {string} platform such as linux-x64
 * @property {Record<string, boolean> | undefined} flags undefined where the system does not tell
 * @property {number} cores physical ones that this process may use, as far as the system tells
 * @property {string} node its version
 */

/** @returns {Machine} */
export function machine() {
  const cpuinfo = read('/proc/cpuinfo')
  return {
    cpu: cpus()[0]?.model.trim() || 'unknown CPU',
    platform: `${process.platform}-${process.arch}`,
    flags: cpuinfo === undefined ? undefined : cpuFlags(cpuinfo),
    cores: Math.min(physicalCores() ?? Number.POSITIVE_INFINITY, availableParallelism()),
    node: process.versions.node,
  }
}

/**
 * @param {string} cpuinfo text of Linux's /proc/cpuinfo
 * @returns {Record<string, boolean> | undefined} undefined when it has no line of flags, as on ARM
 */
export function cpuFlags(cpuinfo) {
  const line = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]
  if (line === undefined) return undefined
  const flags = new Set(line.trim().split(/\s+/))
  return Object.fromEntries(decisive.map((flag) => [flag, flags.has(flag)]))
}

/**
 * Resident memory of this process, split by what backs it.
 * @param {string | undefined} [status] text of Linux's /proc/self/status
 * @returns {{ anonymous: number, file: number } | undefined} bytes; undefined where the system does not tell
 */
export function residentMemory(status = read('/proc/self/status')) {
  const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(status ?? '')?.[1]
  const file = /^RssFile:\s+(\d+) kB$/m.exec(status ?? '')?.[1]
  if (anonymous === undefined || file === undefined) return undefined
  return { anonymous: Number(anonymous) * 1024, file: Number(file) * 1024 }
}

/**
 * CPU time that all programs together have used since the machine started.
 * @returns {{ busy: number, total: number }} milliseconds, over all logical processors
 */
export function processorTime() {
  let busy = 0
  let total = 0
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq
    busy += used
    total += used + times.idle
  }
  return { busy, total }
}

/**
 * The share of the machine that other programs used meanwhile. The higher it is, the less the figures are worth.
 * @param {{ busy: number, total: number }} before
 * @param {{ busy: number, total: number }} after
 * @param {number} own milliseconds of CPU time that were the benchmark's
 * @returns {number} 0 to 1
 */
export function foreignShare(before, after, own) {
  const total = after.total - before.total
  return total > 0 ? Math.min(1, Math.max(0, (after.busy - before.busy - own) / total)) : 0
}

/** Two hardware threads of one core are one core here: they share what multiplies. */
function physicalCores() {
  const folder = '/sys/devices/system/cpu'
  try {
    const names = readdirSync(folder).filter((name) => /^cpu\d+$/.test(name))
    const siblings = names.map((name) => read(`${folder}/${name}/topology/thread_siblings_list`))
    const cores = new Set(siblings.filter((list) => list !== undefined))
    return cores.size || undefined
  } catch {
    return undefined
  }
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
