import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Addon } from '../engine/boundary.js'
import { LLMError } from '../errors.js'
import type { AddonPlace } from './find.js'

/**
 * Loads the addon, and with it OpenVINO.
 * @param runtime a folder with OpenVINO's libraries that is used instead of the addon's own
 * @throws LLMError with the cause and the command that mends it
 */
export function openAddon(place: AddonPlace, runtime: string | undefined): Addon {
  if (runtime) preload(runtime, place)
  let addon: Addon
  try {
    addon = place.load()
  } catch (cause) {
    throw refused(place, cause)
  }
  checkOpenVINO(addon, place, runtime)
  return addon
}

/**
 * Loads OpenVINO from another folder first: the addon then finds it in the process by its name. Loading something that is no
 * addon makes Node throw after it was loaded; the flag keeps it loaded.
 */
function preload(runtime: string, { path }: AddonPlace): void {
  if (process.platform === 'win32') {
    throw new LLMError('ERR_ADDON_NOT_FOUND', 'OPENVINO_LLM_RUNTIME is not supported on Windows: unset it')
  }
  const noDelete = process.platform === 'darwin' ? 0x80 : 0x1000
  const libraries = readdirSync(dirname(path)).filter((name) => /^libopenvino(_gguf_frontend)?\./.test(name))
  for (const name of libraries.sort()) {
    const library = join(runtime, name)
    if (!existsSync(library)) {
      const found = existsSync(runtime) ? readdirSync(runtime).filter((file) => /^libopenvino\./.test(file)) : []
      throw new LLMError(
        'ERR_ADDON_NOT_FOUND',
        `OPENVINO_LLM_RUNTIME: expected a folder with ${name}, found ${found.length > 0 ? found.join(', ') : 'none'} in ${runtime}`,
      )
    }
    try {
      process.dlopen({ exports: {} }, library, 1 | noDelete)
    } catch (cause) {
      const message = messageOf(cause)
      if (message.includes('did not self-register')) continue
      throw new LLMError('ERR_ADDON_NOT_FOUND', `OPENVINO_LLM_RUNTIME: ${library} cannot be loaded (${message})`, {
        cause,
      })
    }
  }
}

/** Two OpenVINOs of one name cannot be in one process: whichever came first serves everybody. */
function checkOpenVINO(addon: Addon, { openvino }: AddonPlace, runtime: string | undefined): void {
  const found = addon.buildInfo().openvino
  if (openvino === undefined || found.startsWith(`${openvino}-`)) return
  const from = loadedFrom() ?? 'an unknown place'
  const remedy = runtime
    ? 'unset OPENVINO_LLM_RUNTIME'
    : 'load openvino-llm before it, or unset LD_PRELOAD if that names it'
  throw new LLMError(
    'ERR_ADDON_MISMATCH',
    `expected OpenVINO ${openvino}, found ${found}, which is in this process from ${from}: ${remedy}`,
  )
}

function loadedFrom(): string | undefined {
  try {
    return /(\/\S*libopenvino\.so\.\S+)/.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** The words of the system's loader, with what they mean here. */
export function refused({ path, remedy }: Pick<AddonPlace, 'path' | 'remedy'>, cause: unknown): LLMError {
  const message = messageOf(cause)
  const cannot = `${path}: the native addon cannot be loaded (${message})`
  const version = /version [`']((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found/.exec(message)?.[1]
  if (version) {
    const library = version.startsWith('GLIBC_') ? 'C library' : 'C++ library'
    return new LLMError(
      'ERR_SYSTEM',
      `${cannot}: this system's ${library} is older than ${version}: use a newer Linux, or build from source (docs/getting-started.md, "Install")`,
      { cause },
    )
  }
  if (message.includes('libstdc++.so.6: cannot open')) {
    return new LLMError('ERR_SYSTEM', `${cannot}. Debian and Ubuntu: apt-get install libstdc++6`, { cause })
  }
  if (message.includes('failed to map segment')) {
    return new LLMError('ERR_ADDON_NOT_FOUND', `${cannot}: is it on a file system mounted with noexec?`, { cause })
  }
  if (/permission denied/i.test(message)) {
    return new LLMError('ERR_ADDON_NOT_FOUND', `${cannot}. Run as its owner: chmod -R a+rX ${dirname(path)}`, { cause })
  }
  const damaged = /file too short|invalid ELF header|not a valid Win32|truncated/.test(message)
    ? ': the file is damaged'
    : ''
  return new LLMError('ERR_ADDON_NOT_FOUND', `${cannot}${damaged}. Run: ${remedy}`, { cause })
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? ''
}
