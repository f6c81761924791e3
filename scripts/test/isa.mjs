// @ts-check
import { readFileSync } from 'node:fs'
import { Complaint } from '../run.mjs'

/**
 * The levels that `npm test -- --isa` knows, by oneDNN's names, and what Linux calls the instructions that a CPU needs for them.
 * @type {Record<string, string[]>}
 */
const levels = {
  sse41: ['sse4_1'],
  avx2: ['avx2', 'fma', 'f16c'],
  avx2_vnni: ['avx2', 'fma', 'f16c', 'avx_vnni'],
  avx512_core: ['avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl'],
  avx512_core_vnni: ['avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni'],
}

/**
 * The environment in which OpenVINO and this package take the CPU for one of this level. Child processes inherit it.
 * @param {string} level
 * @param {string} [cpuinfo] text of /proc/cpuinfo
 * @returns {Record<string, string>}
 * @throws {Complaint} when there is no such level, or this CPU is below it: the tests would pass and prove nothing
 */
export function environmentFor(level, cpuinfo = readCpuinfo()) {
  const needed = levels[level]
  if (!Object.hasOwn(levels, level) || !needed) {
    throw new Complaint(`--isa: expected one of ${Object.keys(levels).join(', ')}, found '${level}'.`)
  }
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/)
  if (!flags) throw new Complaint('--isa needs the flags in /proc/cpuinfo of Linux on x86-64, and found none.')
  const missing = needed.filter((flag) => !flags.includes(flag))
  if (missing.length > 0) throw new Complaint(`--isa ${level}: this CPU lacks ${missing.join(', ')}.`)
  const name = level.toUpperCase()
  // OpenVINO wants its own and oneDNN's variable to be equal: with one alone it asks oneDNN for what oneDNN refuses.
  return { OPENVINO_LLM_MAX_CPU_ISA: level, OV_CPU_MAX_ISA: name, ONEDNN_MAX_CPU_ISA: name }
}

function readCpuinfo() {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
