// @ts-check
import { copyFile, mkdir, readdir, rename, stat, utimes } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Complaint } from '../run.mjs'

/** @typedef {Pick<NodeJS.Process, 'platform' | 'arch'>} Machine */

/**
 * Without these no model runs.
 * @param {Machine} machine
 */
function needed({ arch }) {
  const cpuPlugin = arch === 'arm64' ? 'openvino_arm_cpu_plugin' : 'openvino_intel_cpu_plugin'
  return ['openvino', 'openvino_ir_frontend', 'openvino_gguf_frontend', cpuPlugin]
}

/** Copied where OpenVINO has them. TBB may instead be the system's; hwloc is what pins its threads to cores. */
const wanted = [
  'openvino_auto_plugin',
  'openvino_auto_batch_plugin',
  'openvino_hetero_plugin',
  'openvino_intel_gpu_plugin',
  'openvino_intel_npu_plugin',
  'openvino_intel_npu_compiler',
  'openvino_intel_npu_compiler_loader',
  'openvino_intel_npu_vm_runtime',
  'tbb',
  'tbbmalloc',
  'tbbbind_2_5',
  'hwloc',
]

/** The GPU plugin's table of kernel parameters. */
const data = ['cache.json']

/**
 * Copies the libraries that the addon needs at run time beside it. Files that are there already stay.
 * @param {string} cmakeFolder the folder that holds OpenVINOConfig.cmake
 * @param {string} target the addon's folder
 * @param {Machine} [machine] the one they are for
 * @returns {Promise<number>} how many files were copied
 * @throws {Complaint} when OpenVINO is not complete
 */
export async function copyRuntimeLibraries(cmakeFolder, target, machine = process) {
  const folders = libraryFolders(cmakeFolder, machine)
  const files = await listFiles(folders)
  const sources = []
  for (const name of [...needed(machine), ...wanted]) {
    const matches = [...files.keys()].filter((file) => pattern(name, machine).test(file))
    // The longest name has the version; the shorter one is the link that linkers use.
    const match = matches.sort((a, b) => b.length - a.length)[0]
    if (match) sources.push(String(files.get(match)))
    else if (needed(machine).includes(name)) {
      throw new Complaint(`OpenVINO is not complete: no library ${name} in ${folders.join(', ')}.`)
    }
  }
  for (const name of data) if (files.has(name)) sources.push(String(files.get(name)))
  await mkdir(target, { recursive: true })
  let copied = 0
  for (const source of sources) if (await copyChanged(source, join(target, basename(source)))) copied++
  return copied
}

/**
 * File names as the dynamic loader asks for them: with the SONAME's number on Linux (libtbb.so.12, never the longer name
 * it may be a link to), before the ending on macOS and inside tbb's name on Windows.
 * @param {string} name
 * @param {Machine} machine
 */
function pattern(name, { platform }) {
  if (platform === 'win32') return new RegExp(`^${name}\\d*\\.dll$`)
  if (platform === 'darwin') return new RegExp(`^lib${name}(\\.\\d+)?\\.(dylib|so)$`)
  return new RegExp(`^lib${name}\\.so(\\.\\d+)?$`)
}

/**
 * Where OpenVINO keeps its libraries, by the layouts of the wheel and of the archive.
 * @param {string} cmakeFolder
 * @param {Machine} machine
 */
function libraryFolders(cmakeFolder, { platform, arch }) {
  const parent = dirname(cmakeFolder)
  const cpu = arch === 'arm64' ? (platform === 'darwin' ? 'arm64/Release' : 'aarch64') : 'intel64'
  const archive = platform === 'win32' ? `bin/${cpu}/Release` : `lib/${cpu}`
  const tbb = platform === 'win32' ? '3rdparty/tbb/bin' : '3rdparty/tbb/lib'
  return ['libs', archive, `${archive}/Release`, tbb].map((folder) => join(parent, folder))
}

/**
 * @param {string[]} folders
 * @returns {Promise<Map<string, string>>} file name → path, the earlier folder first
 */
async function listFiles(folders) {
  const files = new Map()
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) if (!files.has(name)) files.set(name, join(folder, name))
  }
  return files
}

/**
 * @param {string} source
 * @param {string} target
 */
async function copyChanged(source, target) {
  const from = await stat(source)
  const to = await stat(target).catch(() => undefined)
  // Times written by utimes lose their last digits.
  if (to && to.size === from.size && Math.abs(to.mtimeMs - from.mtimeMs) < 2) return false
  // Never written in place: a process may have the old one mapped.
  const fresh = `${target}.tmp-${process.pid}`
  await copyFile(source, fresh)
  await utimes(fresh, from.atime, from.mtime)
  await rename(fresh, target)
  return true
}
