import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { cpuFlags } from './cpu-flags.js'

/** What the speed of a kernel depends on. */
export interface Processor {
  model: string
  /** Its vector and matrix instructions, by the names of /proc/cpuinfo; none where the system does not tell. */
  flags: readonly string[]
  /** Threads that the process may use, control groups and affinity considered. */
  threads: number
  /** Variables that cap the instructions which kernels may use, as `NAME=VALUE`. */
  caps: readonly string[]
}

/** Where it is read; tests put something else here. */
export interface ProcessorSource {
  env?: NodeJS.ProcessEnv
  /** File with the flags. Default `/proc/cpuinfo`. */
  cpuinfo?: string
  model?: string
  threads?: number
}

const capping = ['OPENVINO_LLM_MAX_CPU_ISA', 'ONEDNN_MAX_CPU_ISA', 'OV_CPU_MAX_ISA']

/** The processor as this process may use it. */
export function readProcessor({
  env = process.env,
  cpuinfo = '/proc/cpuinfo',
  model = cpus()[0]?.model ?? '',
  threads = availableParallelism(),
}: ProcessorSource = {}): Processor {
  const flags = cpuFlags(textOf(cpuinfo)).filter((flag) => /^(avx|amx|fma|f16c|sse4|asimd|sve)/.test(flag))
  const caps = capping.flatMap((name) => (env[name] ? [`${name}=${env[name]}`] : []))
  return { model, flags, threads, caps }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
