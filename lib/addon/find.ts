import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Addon } from '../engine/boundary.js'
import { LLMError } from '../errors.js'
import { packageVersion } from '../version.js'
import { type PlatformManifest, platformPackage, whyMissing } from './platform-package.js'
import { checkSystem, type SystemInfo } from './system.js'
import { isCut } from './whole-file.js'

const require = createRequire(import.meta.url)

/** Where the addon lies, and how it is loaded. */
export interface AddonPlace {
  /** The addon's file. */
  path: string
  load(): Addon
  /** Version of the OpenVINO that belongs to it, where that is known. */
  openvino?: string
  /** The command that makes it whole. */
  remedy: string
}

/**
 * The first place with an addon. What can be known to fail is said here, before the system's loader says it worse.
 * @param root the folder of this package
 * @throws LLMError as {@link loadAddon} says
 */
export function findAddon(system: SystemInfo, env: NodeJS.ProcessEnv, root: string): AddonPlace {
  const build = join(root, 'build', 'Release', 'openvino_llm.node')
  const rebuild = 'npm run build'
  if (env['OPENVINO_LLM_ADDON']) return fileAt(join(env['OPENVINO_LLM_ADDON'], 'openvino_llm.node'), rebuild)
  if (existsSync(build)) return fileAt(build, rebuild)
  checkSystem(system, undefined)
  const installed = platformPackage(system)
  if (installed) return checkedPackage(installed, system)
  const prebuilt = prebuiltAddon(join(root, 'prebuilds', `${system.platform}-${system.arch}`))
  if (prebuilt) return fileAt(prebuilt, 'npm run prebuild')
  if (existsSync(join(root, 'CMakeLists.txt'))) {
    throw new LLMError('ERR_ADDON_NOT_FOUND', `${build}: the native addon has not been built. Run: ${rebuild}`)
  }
  throw new LLMError('ERR_ADDON_NOT_FOUND', `the native addon is missing: ${whyMissing(system, root)}`)
}

function fileAt(path: string, remedy: string): AddonPlace {
  if (isCut(path)) throw new LLMError('ERR_ADDON_NOT_FOUND', `${path}: the file was cut. Run: ${remedy}`)
  return { path, load: () => require(path) as Addon, remedy }
}

/** A checkout after `npm run prebuild`: the file's name holds tags. */
function prebuiltAddon(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined
  const name = readdirSync(folder).find((file) => file.endsWith('.node'))
  return name && join(folder, name)
}

function checkedPackage({ folder, load }: { folder: string; load(): Addon }, system: SystemInfo): AddonPlace {
  const { name, version, openvinoLlm } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as PlatformManifest
  if (version !== packageVersion) {
    throw new LLMError(
      'ERR_ADDON_MISMATCH',
      `${folder}: expected ${name} ${packageVersion} beside openvino-llm ${packageVersion}, found ${version}. Run: npm install openvino-llm@${packageVersion}`,
    )
  }
  checkSystem(system, openvinoLlm.glibc)
  const remedy = 'npm ci'
  for (const [file, expected] of Object.entries(openvinoLlm.files)) {
    const found = sizeOf(join(folder, file))
    if (found === expected) continue
    throw new LLMError(
      'ERR_ADDON_NOT_FOUND',
      `${join(folder, file)}: expected ${expected} bytes, found ${found ?? 'no such file'}: the installation is damaged. Run: ${remedy}`,
    )
  }
  return { path: join(folder, 'openvino_llm.node'), load, openvino: openvinoLlm.openvino, remedy }
}

/** @throws LLMError `ERR_ADDON_NOT_FOUND` when the folder may not be read */
function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new LLMError('ERR_ADDON_NOT_FOUND', `${path}: cannot be read (${message})`, { cause })
  }
}
