// @ts-check
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cacheFolder } from '../cache.mjs'
import { Complaint, run } from '../run.mjs'
import { exists } from '../wheel.mjs'

const name = 'node-llama-cpp'
const version = '3.22.1'

/**
 * The peer, installed once into the cache: it is no dependency of this project. Its prebuilt binaries are optional
 * packages of npm, so no install script has to run.
 * @returns {Promise<string>} the absolute path of the module to import
 * @throws {Complaint} when npm cannot install it
 */
export async function installPeer() {
  const target = join(cacheFolder(), 'bench', `${name}-${version}`)
  const module = join('node_modules', name, 'dist', 'index.js')
  if (await exists(join(target, module))) return join(target, module)

  console.error(`Installing ${name} ${version} into ${target}, once.`)
  // Installed aside and moved into place: what a stopped run left is not taken for the whole, and goes here.
  const work = `${target}.partial`
  try {
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    const args = ['install', '--prefix', work, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    if ((await runNpm([...args, `${name}@${version}`], dirname(target))) !== 0 || !(await exists(join(work, module)))) {
      throw new Complaint(`${name} ${version} could not be installed: npm failed (see above).`)
    }
    await rm(target, { recursive: true, force: true })
    await rename(work, target)
  } catch (error) {
    if (error instanceof Complaint) throw error
    throw new Complaint(`${name} ${version} could not be installed: ${error instanceof Error ? error.message : error}.`)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return join(target, module)
}

/**
 * @param {string[]} args
 * @param {string} cwd
 */
function runNpm(args, cwd) {
  /** @type {import('node:child_process').SpawnOptions} */
  const options = { cwd, stdio: ['ignore', 2, 2] }
  // Below `npm run` this is npm's own script, which starts without a shell on Windows too.
  const npm = process.env.npm_execpath
  return npm?.endsWith('.js') ? run(process.execPath, [npm, ...args], options) : run('npm', args, options)
}
