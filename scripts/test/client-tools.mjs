// @ts-check
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exists } from '../build/wheel.mjs'
import { cacheFolder } from '../cache.mjs'
import { Complaint, root, run } from '../run.mjs'
import { makeVenv, pipInstall, venvPython } from '../venv.mjs'

const lmEval = 'lm_eval[api]==0.4.13'

/**
 * Installs what the tests of test/clients run beside Node into the cache, once: clients and frameworks of npm, and lm_eval. They are not
 * development dependencies, so that npm install stays short. Whatever cannot be had is said, and its tests are skipped.
 * @returns {Promise<Record<string, string>>} environment variables that name what is there
 */
export async function clientTools() {
  const modules = await installed('clients', await fingerprint(), npmClients)
  const python = await installed('lm-eval', lmEval.replaceAll(/[^\w.]/g, '-'), harness)
  return {
    ...(modules && { OPENVINO_LLM_CLIENTS: modules }),
    ...(python && { OPENVINO_LLM_LM_EVAL: join(python, venvPython) }),
  }
}

/** The newest releases need Node 22; for Node 20 there are the last ones that support it. */
const wanted = Number.parseInt(process.versions.node, 10) >= 22 ? ['test', 'clients', 'newest'] : ['test', 'clients']
const manifests = ['package.json', 'package-lock.json'].map((name) => join(root, ...wanted, name))

/** Changes with the versions that are wanted, and with this checkout, which they find as `openvino-llm`. */
async function fingerprint() {
  const hash = createHash('sha256').update(root)
  for (const path of manifests) hash.update(await readFile(path))
  return hash.digest('hex').slice(0, 12)
}

/** @param {string} folder */
async function npmClients(folder) {
  for (const path of manifests) await cp(path, join(folder, basename(path)))
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const shell = process.platform === 'win32'
  if ((await run('npm', args, { cwd: folder, stdio: ['ignore', 2, 2], shell })) !== 0)
    throw new Complaint('npm ci failed')
  await symlink(root, join(folder, 'node_modules', 'openvino-llm'), 'junction')
  // Imports are resolved from where they stand: this one lets a test import what is here.
  await writeFile(join(folder, 'import.mjs'), 'export const load = (name) => import(name)\n')
}

/** @param {string} folder */
async function harness(folder) {
  if ((await makeVenv(folder)) !== 0) throw new Complaint('no virtual environment could be made')
  if ((await pipInstall(join(folder, venvPython), [lmEval])) !== 0) throw new Complaint('pip install failed')
}

/**
 * @param {string} name
 * @param {string} version
 * @param {(folder: string) => Promise<void>} install
 * @returns {Promise<string | undefined>} its folder
 */
async function installed(name, version, install) {
  const folder = join(cacheFolder(), 'tools', `${name}-${version}`)
  if (await exists(folder)) return folder
  console.error(`Installing ${name} into the cache, for the tests of clients.`)
  const work = `${folder}.tmp-${process.pid}`
  await mkdir(work, { recursive: true })
  try {
    await install(work)
    await rename(work, folder)
    return folder
  } catch (error) {
    if (!(error instanceof Complaint)) throw error
    console.error(`${name}: ${error.message}. Its tests are skipped.`)
    await rm(work, { recursive: true, force: true })
    return undefined
  }
}
