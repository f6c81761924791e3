// @ts-check
import { join } from 'node:path'
import { cacheFolder } from '../scripts/cache.mjs'
import { Complaint, run } from '../scripts/run.mjs'
import { makeVenv, pipInstall, venvPython } from '../scripts/venv.mjs'
import { makeOnce } from './once.mjs'

/**
 * The peers. None is a dependency of this project: each is installed into the cache when it is first measured.
 * @type {Record<string, { version: string, sentinel: string, install: (version: string, work: string) => Promise<number> }>}
 */
const peers = {
  // Its prebuilt binaries are optional packages of npm, so no install script has to run.
  'node-llama-cpp': {
    version: '3.22.1',
    sentinel: join('node_modules', 'node-llama-cpp', 'dist', 'index.js'),
    install: (version, work) =>
      runNpm(
        [
          'install',
          '--prefix',
          work,
          '--ignore-scripts',
          '--no-audit',
          '--no-fund',
          '--loglevel=error',
          `node-llama-cpp@${version}`,
        ],
        work,
      ),
  },
  // The release for the OpenVINO that wheels.json pins.
  'openvino-genai': {
    version: '2026.4.1.0',
    sentinel: venvPython,
    install: (version, work) => installWheel(work, `openvino-genai==${version}`),
  },
  // llama.cpp's own server. Its binaries know AVX2, and nothing newer.
  xllamacpp: {
    version: '2026.10.11549',
    sentinel: venvPython,
    install: (version, work) => installWheel(work, `xllamacpp==${version}`),
  },
}

/** @type {import('node:child_process').SpawnOptions['stdio']} Standard output is for the report alone. */
const stdio = ['ignore', 2, 2]

/**
 * @param {keyof typeof peers} name
 * @returns {Promise<string>} the absolute path of what runs it: a JavaScript module to import, or a Python
 * @throws {Complaint} when it cannot be installed
 */
export async function installPeer(name) {
  const peer = peers[name]
  if (!peer) throw new Error(`there is no peer ${name}`)
  const { version, sentinel, install } = peer
  const target = join(cacheFolder(), 'bench', `${name}-${version}`)
  try {
    await makeOnce(target, sentinel, async (work) => {
      console.error(`Installing ${name} ${version} into ${target}, once.`)
      if ((await install(version, work)) !== 0) {
        throw new Complaint(`${name} ${version} could not be installed (see above).`)
      }
    })
  } catch (error) {
    if (error instanceof Complaint) throw error
    throw new Complaint(`${name} ${version} could not be installed: ${error instanceof Error ? error.message : error}.`)
  }
  return join(target, sentinel)
}

/**
 * @param {string} work becomes a virtual environment
 * @param {string} wheel a package with its version
 */
async function installWheel(work, wheel) {
  const code = await makeVenv(work)
  if (code !== 0) return code
  return await pipInstall(join(work, venvPython), ['--only-binary=:all:', wheel])
}

/**
 * @param {string[]} args
 * @param {string} cwd
 */
function runNpm(args, cwd) {
  // Below `npm run` this is npm's own script, which starts without a shell on Windows too.
  const npm = process.env.npm_execpath
  return npm?.endsWith('.js') ? run(process.execPath, [npm, ...args], { cwd, stdio }) : run('npm', args, { cwd, stdio })
}
