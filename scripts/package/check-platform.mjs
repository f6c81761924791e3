// @ts-check
import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { cacheFolder } from '../cache.mjs'
import { root } from '../run.mjs'
import { filesBelow } from './assemble.mjs'
import { components } from './components.mjs'
import { readElf } from './elf.mjs'

/** @typedef {import('./platforms.mjs').Platform} Platform */

/** What the addon may export: how Node finds it. */
const moduleSymbols = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** What every Linux with glibc and libstdc++ has; and OpenCL, which comes with the driver that the GPU plugin needs anyway. */
const systemLibraries =
  /^(libstdc\+\+\.so\.6|libgcc_s\.so\.1|lib(c|m|dl|rt|pthread)\.so\.\d|ld-linux-.+\.so\.\d|libOpenCL\.so\.1)$/

/**
 * Whether a file is a program or library for the platform, judged by its first bytes.
 * @param {Buffer} file
 * @param {Platform} platform
 */
export function isBinaryFor(file, { os, cpu }) {
  if (os === 'linux') return readElf(file).arch === cpu
  // Mach-O, 64 bits, CPU_TYPE_ARM64.
  if (os === 'darwin') return file.readUInt32LE(0) === 0xfeedfacf && file.readUInt32LE(4) === 0x0100000c
  const header = file.readUInt32LE(60)
  // PE, IMAGE_FILE_MACHINE_AMD64.
  return file.toString('latin1', header, header + 4) === 'PE\0\0' && file.readUInt16LE(header + 4) === 0x8664
}

/**
 * Everything wrong with the folder of a platform's package, or of what goes into it.
 * @param {string} folder
 * @param {Platform} platform
 * @returns {Promise<{ problems: string[], glibc: string | undefined, glibcxx: string | undefined }>} the oldest libraries
 *   of a Linux system that all files run with
 */
export async function checkPlatformFolder(folder, platform) {
  const problems = []
  const files = await filesBelow(folder)
  const binaries = files.filter((path) => /\.(node|so(\.\d+)?|dylib|dll)$/.test(path))
  const versions = new Set()
  for (const path of files) {
    if (!components.some((component) => component.files.test(path))) {
      problems.push(`${path}: belongs to no component of scripts/package/components.mjs, so its licence is not known`)
    }
  }
  for (const path of binaries) {
    const file = await readFile(join(folder, path))
    try {
      if (!isBinaryFor(file, platform)) problems.push(`${path}: expected a library for ${platform.os} ${platform.cpu}`)
      else if (platform.os === 'linux') {
        const elf = readElf(file)
        for (const version of elf.versions) versions.add(version)
        problems.push(
          ...libraryProblems(path, elf, binaries),
          ...(path.endsWith('.node') ? addonProblems(path, elf) : []),
        )
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      problems.push(`${path}: damaged (${error.message})`)
    }
    if (path.endsWith('.node')) problems.push(...privatePaths(path, file))
    // llguidance writes its name and version into what it is linked into.
    if (path.endsWith('.node') && !file.includes('llguidance@')) {
      problems.push(`${path}: built without structured output, which needs Rust`)
    }
  }
  return { problems, glibc: newest(versions, 'GLIBC_'), glibcxx: newest(versions, 'GLIBCXX_') }
}

/**
 * @param {string} path
 * @param {import('./elf.mjs').ElfFacts} elf
 * @param {string[]} shipped
 */
function libraryProblems(path, { needed, rpath, runpath, soname }, shipped) {
  const problems = []
  const missing = needed.filter((name) => !shipped.includes(name) && !systemLibraries.test(name))
  if (missing.length > 0)
    problems.push(`${path}: needs ${missing.join(', ')}, which is neither shipped nor on every system`)
  const ours = needed.some((name) => shipped.includes(name))
  const search = rpath ?? runpath
  if (ours && search !== '$ORIGIN') problems.push(`${path}: expected to search $ORIGIN, found ${search}`)
  // Plugins are loaded by file name, libraries by SONAME: npm keeps no links from one to the other.
  if (soname && soname !== path && !path.endsWith('.node')) problems.push(`${path}: expected the name ${soname}`)
  return problems
}

/**
 * @param {string} path
 * @param {import('./elf.mjs').ElfFacts} elf
 */
function addonProblems(path, { runpath, exported, stripped }) {
  const problems = []
  if (runpath !== undefined)
    problems.push(`${path}: expected DT_RPATH, found DT_RUNPATH, which LD_LIBRARY_PATH overrules`)
  if (!stripped) problems.push(`${path}: not stripped`)
  const extra = exported.filter((name) => !moduleSymbols.includes(name))
  if (extra.length > 0)
    problems.push(`${path}: exports ${extra.length} more symbols than a module has to, such as ${extra[0]}`)
  for (const name of moduleSymbols) if (!exported.includes(name)) problems.push(`${path}: does not export ${name}`)
  return problems
}

/**
 * Paths of the machine that built it.
 * @param {string} path
 * @param {Buffer} file
 */
function privatePaths(path, file) {
  const text = file.toString('latin1')
  const known = [root, cacheFolder(), homedir()].filter((folder) => folder.length > 1)
  const found = known.filter((folder) => text.includes(folder))
  const like = /(?:\/(?:home|root|Users|tmp|work|github|__w)\/|[A-Z]:[\\/])[\w.-]+[\\/][\w.\\/-]*/.exec(text)?.[0]
  if (found.length === 0 && like) found.push(like)
  return found.map((folder) => `${path}: holds the path ${folder}`)
}

/**
 * @param {Set<string>} versions
 * @param {string} prefix
 */
function newest(versions, prefix) {
  const numbers = [...versions].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  return numbers
    .filter((name) => /^\d/.test(name))
    .sort(compareVersions)
    .pop()
}

/**
 * @param {string} a
 * @param {string} b
 */
export function compareVersions(a, b) {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Most that a package may weigh, in bytes. */
const budgets = {
  main: { packed: 1e6, unpacked: 2.5e6 },
  platform: { packed: 60e6, unpacked: 160e6 },
}

/**
 * @param {keyof typeof budgets} kind
 * @param {string} folder
 * @param {string} tarball
 * @returns {Promise<{ problems: string[], packed: number, unpacked: number }>}
 */
export async function checkSize(kind, folder, tarball) {
  const packed = (await stat(tarball)).size
  let unpacked = 0
  for (const path of await filesBelow(folder)) unpacked += (await stat(join(folder, path))).size
  const problems = []
  const most = budgets[kind]
  if (packed > most.packed) problems.push(`${tarball}: ${packed} bytes packed, more than ${most.packed}`)
  if (unpacked > most.unpacked) problems.push(`${folder}: ${unpacked} bytes unpacked, more than ${most.unpacked}`)
  return { problems, packed, unpacked }
}
