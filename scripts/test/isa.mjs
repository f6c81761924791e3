// @ts-check
import { readFileSync } from 'node:fs'
import { Complaint } from '../run.mjs'

const avx2 = ['avx', 'avx2', 'fma', 'f16c']
const avx512 = [...avx2, 'avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl']

/**
 * The levels that `npm test -- --isa` knows, by oneDNN's names, and what Linux calls the instructions that a CPU needs for them.
 * @type {Record<string, string[]>}
 */
const levels = {
  sse41: ['sse4_1'],
  avx2,
  avx2_vnni: [...avx2, 'avx_vnni'],
  avx512_core: avx512,
  avx512_core_vnni: [...avx512, 'avx512_vnni'],
}

/**
 * The environment in which OpenVINO and this package take the CPU for one of this level. Child processes inherit it.
 * @param {string} level
 * @param {string} [cpuinfo] text of /proc/cpuinfo
 * @returns {Record<string, string>}
 * @throws {Complaint} when there is no such level, or this CPU is below it: the tests would pass and prove nothing
 */
export function environmentFor(level, cpuinfo = readCpuinfo()) {
  const needed = neededBy(level)
  const flags = flagsOf(cpuinfo)
  const missing = needed.filter((flag) => !flags.includes(flag))
  if (missing.length > 0) throw new Complaint(`--isa ${level}: this CPU lacks ${missing.join(', ')}.`)
  const name = level.toUpperCase()
  // OpenVINO wants its own and oneDNN's variable to be equal: with one alone it asks oneDNN for what oneDNN refuses.
  return { OPENVINO_LLM_MAX_CPU_ISA: level, OV_CPU_MAX_ISA: name, ONEDNN_MAX_CPU_ISA: name }
}

/**
 * Whether this CPU has vector instructions beyond the level. Without any, it is a CPU of that level as it is.
 * @param {string} level
 * @param {string} [cpuinfo] text of /proc/cpuinfo
 */
export function isCapped(level, cpuinfo = readCpuinfo()) {
  const needed = neededBy(level)
  return flagsOf(cpuinfo).some((flag) => /^(avx|fma|f16c|amx)/.test(flag) && !needed.includes(flag))
}

/** @param {string} level */
function neededBy(level) {
  const needed = levels[level]
  if (Object.hasOwn(levels, level) && needed) return needed
  throw new Complaint(`--isa: expected one of ${Object.keys(levels).join(', ')}, found '${level}'.`)
}

/** @param {string} cpuinfo */
function flagsOf(cpuinfo) {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/)
  if (!flags) throw new Complaint('--isa needs the flags in /proc/cpuinfo of Linux on x86-64, and found none.')
  return flags
}

function readCpuinfo() {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
