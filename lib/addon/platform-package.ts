import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Addon } from '../engine/boundary.js'
import { LLMError } from '../errors.js'
import { packageVersion } from '../version.js'
import type { SystemInfo } from './system.js'

const require = createRequire(import.meta.url)

/** What a platform's package gives. */
export interface PlatformPackage {
  /** Where the addon and OpenVINO's libraries lie. */
  folder: string
  load(): Addon
}

/** What a platform's package says of its files (scripts/package/assemble.mjs writes it). */
export interface PlatformManifest {
  name: string
  version: string
  openvinoLlm: {
    /** Version of the OpenVINO in it. */
    openvino: string
    /** The oldest GNU C library that it runs with. */
    glibc?: string
    /** Bytes of each file that is loaded. */
    files: Record<string, number>
  }
}

const packages: Record<string, string> = {
  'linux-x64': '@openvino-llm/linux-x64-gnu',
  'linux-arm64': '@openvino-llm/linux-arm64-gnu',
  'win32-x64': '@openvino-llm/win32-x64-msvc',
  'darwin-arm64': '@openvino-llm/darwin-arm64',
}

/**
 * The package with the binaries for this system, or undefined when it is not installed.
 * @throws LLMError `ERR_SYSTEM` when there is none, `ERR_ADDON_NOT_FOUND` when it cannot be read
 */
export function platformPackage(system: SystemInfo): PlatformPackage | undefined {
  const name = packageName(system)
  try {
    return requirePackage(name)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const unreadable = code === 'EACCES' ? name : unreadableFolder(name)
    if (unreadable) {
      throw new LLMError(
        'ERR_ADDON_NOT_FOUND',
        `${unreadable}: this user may not read the folder. Run as its owner: chmod -R a+rX ${unreadable}`,
        { cause },
      )
    }
    if (code !== 'MODULE_NOT_FOUND') throw cause
    return undefined
  }
}

/** The names stand here as they are, so that bundlers and packers see them. */
function requirePackage(name: string): PlatformPackage {
  switch (name) {
    case '@openvino-llm/linux-x64-gnu':
      return require('@openvino-llm/linux-x64-gnu') as PlatformPackage
    case '@openvino-llm/linux-arm64-gnu':
      return require('@openvino-llm/linux-arm64-gnu') as PlatformPackage
    case '@openvino-llm/win32-x64-msvc':
      return require('@openvino-llm/win32-x64-msvc') as PlatformPackage
    default:
      return require('@openvino-llm/darwin-arm64') as PlatformPackage
  }
}

/** @throws LLMError `ERR_SYSTEM` when none is made for it. */
export function packageName({ platform, arch }: Pick<SystemInfo, 'platform' | 'arch'>): string {
  const name = packages[`${platform}-${arch}`]
  if (name) return name
  throw new LLMError(
    'ERR_SYSTEM',
    `there are no prebuilt binaries for ${platform}-${arch}, only for ${Object.keys(packages).join(', ')}: build from source (docs/getting-started.md, "Install")`,
  )
}

/**
 * Why the package is not there, and the one command that mends it.
 * @param root the folder of this package
 */
export function whyMissing({ platform, arch, glibc }: SystemInfo, root: string): string {
  const name = packageName({ platform, arch })
  const needed = `${name}@${packageVersion}`
  const modules = dirname(root)
  const others = existsSync(join(modules, '@openvino-llm')) ? readdirSync(join(modules, '@openvino-llm')) : []
  const system = `--os=${platform} --cpu=${arch}${glibc ? ' --libc=glibc' : ''}`
  if (others.length > 0) {
    return `${needed} is not installed, but @openvino-llm/${others.join(', @openvino-llm/')} is: node_modules comes from another system. Run: npm install ${system}`
  }
  const lockfile = join(dirname(modules), 'package-lock.json')
  if (existsSync(lockfile) && !readFileSync(lockfile, 'utf8').includes(`"node_modules/${name}"`)) {
    return `${needed} is not installed, and ${lockfile} does not name it: npm wrote it on another system, or from a node_modules without it. Run: npm install --save-optional --save-exact ${needed}`
  }
  return `${needed} is not installed: optional dependencies were left out (omit=optional, --no-optional). Run: npm install --include=optional`
}

/** The first folder where the package may lie and that exists but is not ours to read: Node takes it for none. */
function unreadableFolder(name: string): string | undefined {
  for (const modules of require.resolve.paths(name) ?? []) {
    for (const folder of [modules, join(modules, dirname(name)), join(modules, name)]) {
      try {
        accessSync(join(folder, '.'), constants.R_OK | constants.X_OK)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EACCES') return folder
        break
      }
    }
  }
  return undefined
}
