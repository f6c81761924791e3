// @ts-check
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { cacheFolder } from '../cache.mjs'
import { Complaint, root, run } from '../run.mjs'
import { findCompiler, findPython, hasCMake, hasMake, missingCMake, missingMake } from './tools.mjs'
import { exists, fetchFromWheel, pinned, platform } from './wheel.mjs'

const executable = process.platform === 'win32' ? '.exe' : ''

/**
 * @typedef {object} Toolchain
 * @property {string[]} compiler arguments that make cmake-js use the compiler
 * @property {string[]} fetch tools that pip has to bring
 */

/**
 * Looks for everything a build needs before anything is downloaded, so that one run names all that is missing.
 * @param {boolean} needsPython whether something else has to come through pip
 * @returns {Promise<Toolchain>}
 * @throws {Complaint} with one line for each missing tool
 */
export async function checkTools(needsPython) {
  const [compiler, cmake, make] = await Promise.all([findCompiler(), hasCMake(), hasMake()])
  const fetch = [...(cmake ? [] : ['cmake']), ...(make ? [] : ['ninja'])]
  const python = needsPython || fetch.length > 0 ? await findPython() : undefined
  const missing = [compiler.missing, needsPython ? python?.missing : undefined]
  if (python?.missing && !cmake) missing.push(missingCMake)
  if (python?.missing && !make) missing.push(missingMake)
  const lines = missing.filter((line) => line !== undefined)
  if (lines.length > 0 || !compiler.found) throw new Complaint(lines.join('\n'))
  return { compiler: compiler.found.extraArgs, fetch }
}

/**
 * Fetches a tool's pinned wheel into the cache once.
 * @param {string} name cmake or ninja
 * @returns {Promise<string>} the folder with its executable
 */
async function fetchTool(name) {
  const { version } = await pinned(name)
  const target = join(cacheFolder(), 'tools', `${name}-${version}-${platform}`)
  const program = join('bin', `${name}${executable}`)
  if (!(await exists(join(target, program)))) {
    console.error(`${name} was not found, or is too old: taking ${name} ${version} from pip.`)
  }
  await fetchFromWheel(name, target, {
    sentinel: program,
    async pick(unpacked) {
      const data = join(unpacked, name, 'data')
      // Wheels keep programs among their data or among their scripts.
      if (name === 'ninja') {
        await mkdir(join(data, 'bin'), { recursive: true })
        await rename(join(unpacked, `${name}-${version}.data`, 'scripts', `${name}${executable}`), join(data, program))
      }
      await chmod(join(data, program), 0o755)
      return data
    },
  })
  return join(target, 'bin')
}

/**
 * Compiles the addon: build/Release/openvino_llm.node. CMake's own files are in build/cmake, away from node-gyp's.
 * @param {string} openvino the folder that holds OpenVINOConfig.cmake
 * @param {Toolchain} tools
 * @param {string} [grammar] the folder with the library of grammars; without it the addon has none
 * @throws {Complaint} when CMake or the compiler fails; they have said why
 */
export async function buildAddon(openvino, tools, grammar) {
  const folders = []
  for (const name of tools.fetch) folders.push(await fetchTool(name))
  const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
  const out = join(root, 'build', 'cmake')
  const args = ['-O', out, '-l', 'warn', '-p', String(availableParallelism()), ...tools.compiler]
  args.push(`--CDOpenVINO_DIR=${openvino.replaceAll('\\', '/')}`)
  if (grammar) args.push(`--CDGRAMMAR_DIR=${grammar.replaceAll('\\', '/')}`)
  const env = environment(folders)

  // A configured folder keeps its generator, compiler and OpenVINO: any other choice needs a new one.
  const stamp = join(out, 'configured.json')
  const choice = JSON.stringify({ args, folders, root, cxx: process.env.CXX ?? '' })
  if ((await readFile(stamp, 'utf8').catch(() => '')) !== choice) {
    await rm(out, { recursive: true, force: true })
    await runCMakeJs([cmakeJs, 'configure', ...args], env)
    await writeFile(stamp, choice)
  }
  await runCMakeJs([cmakeJs, 'build', ...args], env)
}

/**
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function runCMakeJs(args, env) {
  if ((await run(process.execPath, args, { env })) !== 0) {
    throw new Complaint('The addon could not be built: CMake or the compiler failed (see above).')
  }
}

/**
 * @param {string[]} folders put before PATH
 * @returns {NodeJS.ProcessEnv}
 */
function environment(folders) {
  const env = { ...process.env }
  for (const key of Object.keys(env)) {
    // With nodedir set cmake-js leaves out node-addon-api's include folder.
    if (key.toLowerCase() === 'npm_config_nodedir') delete env[key]
  }
  const path = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  env[path] = [...folders, env[path] ?? ''].join(delimiter)
  return env
}
