import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { loadAddon } from '../addon/load.js'
import { type MeasuredKernel, measuredKernels } from '../cache/kernel-choices.js'
import { cacheRoot } from '../cache/root.js'
import { cpuFlags } from '../devices/cpu-flags.js'
import { type Probed, type ProbeOptions, probe } from '../devices/probe.js'
import { type Plugin, plugins } from '../devices/table.js'
import type { BuildInfo } from '../engine/boundary.js'
import { LLMError } from '../errors.js'
import { packageVersion } from '../version.js'

/** A device file, and whether this process may read and write it. */
export interface DeviceFile {
  path: string
  usable: boolean
}

/** What the doctor looks at. Plain data: what a machine lacks, a test can make up. */
export interface Machine {
  platform: NodeJS.Platform
  arch: string
  versions: { package: string; node: string; openvino: string; glibc: string }
  /** Why the addon cannot be loaded, or ''. */
  addonError: string
  plugins: Readonly<Record<Plugin, Probed>>
  cpu: { model: string; flags: readonly string[] }
  /** Built-in kernels that this processor executes, the best first, and which weights were measured here so far. */
  kernels: { present: readonly string[]; measured: readonly MeasuredKernel[] }
  /** Intel hardware on the PCI bus, whether or not a driver serves it. */
  hardware: { gpu: boolean; npu: boolean }
  /** /dev/dri/renderD* and /dev/accel/accel*. */
  files: { gpu: readonly DeviceFile[]; npu: readonly DeviceFile[] }
  /** User-space drivers: libraries that were found. */
  drivers: { gpu: readonly string[]; npu: readonly string[] }
  /** Whether the process runs in a container. */
  container: boolean
  /** Folders of LD_LIBRARY_PATH with another libopenvino. */
  libraryPath: readonly string[]
  /** Other libopenvino in this process. */
  loaded: readonly string[]
}

export interface MachineOptions extends ProbeOptions {
  /** Root of the file system, for tests. Default `/`. */
  root?: string
  env?: NodeJS.ProcessEnv
}

const libraryFolders = [
  'usr/lib/x86_64-linux-gnu',
  'usr/lib/aarch64-linux-gnu',
  'usr/lib64',
  'usr/lib',
  'usr/local/lib',
]

/** Looks at the machine; each plugin is loaded in a process of its own. Rejects as `probe` does. */
export async function readMachine(options: MachineOptions = {}): Promise<Machine> {
  const { root = '/', env = process.env, ...probing } = options
  const found = {} as Record<Plugin, Probed>
  for (const plugin of plugins) found[plugin] = await probe(plugin, probing)
  const addon = addonFacts()
  const report = glibc()
  const cpuinfo = text(join(root, 'proc/cpuinfo'))
  const field = (name: RegExp) => name.exec(cpuinfo)?.[1] ?? ''
  const flags = cpuFlags(cpuinfo, env.OPENVINO_LLM_MAX_CPU_ISA)
  return {
    platform: process.platform,
    arch: process.arch,
    versions: { package: packageVersion, node: process.versions.node, openvino: addon.openvino, glibc: report },
    addonError: addon.error,
    plugins: found,
    cpu: { model: field(/^model name\s*:\s*(.*)$/m), flags },
    kernels: {
      present: addon.kernels,
      measured: addon.error === '' ? await measuredKernels(cacheRoot(env), addon) : [],
    },
    hardware: hardware(root),
    files: { gpu: deviceFiles(root, 'dev/dri', /^renderD\d+$/), npu: deviceFiles(root, 'dev/accel', /^accel\d+$/) },
    drivers: {
      gpu: libraries(root, /^(libigdrcl|libze_intel_gpu)\.so/, ['intel-opencl']),
      npu: libraries(root, /^libze_intel_(npu|vpu)\.so/),
    },
    container:
      ['.dockerenv', 'run/.containerenv'].some((name) => existsSync(join(root, name))) ||
      /docker|kubepods|containerd|lxc/.test(text(join(root, 'proc/1/cgroup'))),
    libraryPath: (env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '' && hasOpenVino(folder)),
    loaded: foreign(text(join(root, 'proc/self/maps'))),
  }
}

function addonFacts(): Pick<BuildInfo, 'version' | 'openvino' | 'kernels'> & { error: string } {
  try {
    return { ...loadAddon().buildInfo(), error: '' }
  } catch (error) {
    if (!(error instanceof LLMError)) throw error
    return { version: '', openvino: '', kernels: [], error: error.message }
  }
}

/** Of the C library that Node runs on; '' where it is another one. */
function glibc(): string {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean }
  // Without it the report looks up names of network peers, which takes seconds.
  report.excludeNetwork = true
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime ?? ''
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Classes of PCI devices: pcisig.com, "PCI Code and ID Assignment"; 03 is displays, 12 processing accelerators. */
function hardware(root: string): { gpu: boolean; npu: boolean } {
  const folder = join(root, 'sys/bus/pci/devices')
  const classes = names(folder)
    .filter((name) => text(join(folder, name, 'vendor')).trim() === '0x8086')
    .map((name) => text(join(folder, name, 'class')).trim())
  return { gpu: classes.some((each) => each.startsWith('0x03')), npu: classes.some((each) => each.startsWith('0x12')) }
}

function deviceFiles(root: string, folder: string, pattern: RegExp): DeviceFile[] {
  return names(join(root, folder))
    .filter((name) => pattern.test(name))
    .map((name) => {
      try {
        accessSync(join(root, folder, name), constants.R_OK | constants.W_OK)
        return { path: `/${folder}/${name}`, usable: true }
      } catch {
        return { path: `/${folder}/${name}`, usable: false }
      }
    })
}

function libraries(root: string, pattern: RegExp, folders: readonly string[] = []): string[] {
  return libraryFolders.flatMap((folder) =>
    ['', ...folders].flatMap((below) =>
      names(join(root, folder, below))
        .filter((name) => pattern.test(name))
        .map((name) => join('/', folder, below, name)),
    ),
  )
}

const hasOpenVino = (folder: string): boolean => names(folder).some((name) => /^libopenvino\.so/.test(name))

/** Other copies of libopenvino than the one beside the addon. */
function foreign(maps: string): string[] {
  const paths = [...new Set([...maps.matchAll(/ (\/.*)$/gm)].map(([, path = '']) => path))]
  const own = paths.filter((path) => path.endsWith('/openvino_llm.node')).map((path) => dirname(path))
  return paths.filter((path) => /\/libopenvino\.so[^/]*$/.test(path) && !own.includes(dirname(path)))
}
