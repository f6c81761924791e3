// @ts-check
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { requiredGrammarLibrary } from '../build/grammar.mjs'
import { runtimeParts } from '../build/openvino.mjs'
import { copyRuntimeLibraries } from '../build/runtime-libraries.mjs'
import { exists, platform as here } from '../build/wheel.mjs'
import { Complaint, root, run, runMain } from '../run.mjs'
import { assembleMain, assemblePlatform, filesBelow, packagesFolder } from './assemble.mjs'
import { checkMainFolder } from './check-main.mjs'
import { checkPlatformFolder, checkSize, compareVersions } from './check-platform.mjs'
import { isHookOfBuild } from './hook.mjs'
import { platforms } from './platforms.mjs'

const usage = `npm run prebuild -- [options]
  builds the addon, makes the npm packages in build/packages and checks them: openvino-llm, and this machine's platform package
  --platform NAME   another platform: ${Object.keys(platforms).join(', ')}. Its addon has to be in prebuilds/NAME
  --check-wheel     only fetches and checks what the platform's package takes of OpenVINO
  --main            only the package without binaries
  --max-glibc V     fails when the addon needs a newer glibc; --max-glibcxx V the same for libstdc++`

/** @typedef {import('./platforms.mjs').Platform} Platform */

runMain(async () => {
  const { values } = parseArgs({
    options: {
      platform: { type: 'string', default: here },
      'check-wheel': { type: 'boolean' },
      main: { type: 'boolean' },
      'max-glibc': { type: 'string' },
      'max-glibcxx': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(usage)
    return
  }
  if (await isHookOfBuild()) return
  const key = values.platform
  const platform = platforms[key]
  if (!platform) throw new Complaint(`--platform: expected one of ${Object.keys(platforms).join(', ')}, found ${key}`)
  if (process.env.OpenVINO_DIR)
    throw new Complaint('OpenVINO_DIR: packages are made of the pinned OpenVINO only; unset it.')
  await mkdir(packagesFolder, { recursive: true })
  if (values.main) return await makeMain()
  const runtime = await runtimeParts(key)
  const libraries = await collectLibraries(key, runtime.cmakeFolder)
  complain((await checkPlatformFolder(libraries, platform)).problems)
  console.log(
    `OpenVINO ${runtime.version} for ${key}: ${(await filesBelow(libraries)).length} files, as they should be.`,
  )
  if (values['check-wheel']) return
  const prebuilt = await prebuild(key, libraries)
  await checkFloor(prebuilt, platform, values['max-glibc'], values['max-glibcxx'])
  await makePlatform(platform, prebuilt, runtime)
  await makeMain()
})

/**
 * Copies what the package ships of OpenVINO into a folder of its own.
 * @param {string} key
 * @param {string} cmakeFolder
 */
async function collectLibraries(key, cmakeFolder) {
  const folder = join(root, 'build', 'prebuild', key)
  await rm(folder, { recursive: true, force: true })
  const [platform, arch] = /** @type {[NodeJS.Platform, NodeJS.Architecture]} */ (key.split('-'))
  await copyRuntimeLibraries(cmakeFolder, folder, { platform, arch })
  return folder
}

/**
 * Fills prebuilds/NAME by prebuildify. For another platform, what was built there must be in it already and stays as it is.
 * @param {string} key
 * @param {string} libraries
 * @returns {Promise<string>} the folder
 */
async function prebuild(key, libraries) {
  const folder = join(root, 'prebuilds', key)
  if (key !== here) {
    const addon = (await filesBelow(folder).catch(() => [])).find((path) => path.endsWith('.node'))
    if (!addon) {
      throw new Complaint(
        `The package for ${key} is not made: its addon has to be built there (npm run prebuild on ${key}), and none was found in ${folder}. Its part of OpenVINO is sound.`,
      )
    }
    await cp(libraries, folder, { recursive: true })
    return folder
  }
  await rm(folder, { recursive: true, force: true })
  const stage = join(root, 'build', 'prebuild', 'stage')
  await rm(stage, { recursive: true, force: true })
  await mkdir(stage, { recursive: true })
  await writeFile(join(stage, 'package.json'), JSON.stringify({ name: 'openvino-llm' }))
  const shim = join(root, 'scripts', 'package', 'node-gyp.mjs')
  const prebuildify = promisify(createRequire(import.meta.url)('prebuildify'))
  await prebuildify({
    napi: true,
    strip: true,
    tagLibc: key.startsWith('linux'),
    // On Windows it goes through a shell, which does not know scripts by their first line.
    nodeGyp: process.platform === 'win32' ? `"${process.execPath}" "${shim}"` : shim,
    cwd: stage,
    out: root,
    artifacts: libraries,
  }).catch((/** @type {Error} */ error) => {
    throw new Complaint(`prebuildify: ${error.message} (see above).`)
  })
  return folder
}

/**
 * @param {string} prebuilt
 * @param {Platform} platform
 * @param {string | undefined} maxGlibc
 * @param {string | undefined} maxGlibcxx
 */
async function checkFloor(prebuilt, platform, maxGlibc, maxGlibcxx) {
  if (platform.os !== 'linux') return
  const addon = (await filesBelow(prebuilt)).find((path) => path.endsWith('.node'))
  if (!addon) throw new Complaint(`${prebuilt} holds no addon.`)
  const only = join(root, 'build', 'prebuild', 'addon')
  await rm(only, { recursive: true, force: true })
  await cp(join(prebuilt, addon), join(only, 'openvino_llm.node'))
  const { glibc = '0', glibcxx = '0' } = await checkPlatformFolder(only, platform)
  console.log(`The addon needs GLIBC ${glibc} and GLIBCXX ${glibcxx}.`)
  const problems = []
  if (maxGlibc && compareVersions(glibc, maxGlibc) > 0)
    problems.push(`The addon needs GLIBC ${glibc}, newer than ${maxGlibc}.`)
  if (maxGlibcxx && compareVersions(glibcxx, maxGlibcxx) > 0)
    problems.push(`The addon needs GLIBCXX ${glibcxx}, newer than ${maxGlibcxx}.`)
  complain(problems)
}

/**
 * @param {Platform} platform
 * @param {string} prebuilt
 * @param {{ version: string, licenses: string }} runtime
 */
async function makePlatform(platform, prebuilt, { version, licenses }) {
  const { glibc } = await checkPlatformFolder(prebuilt, platform)
  const grammar = await requiredGrammarLibrary()
  const parts = { prebuilt, licenses, grammar, openvino: version, ...(glibc ? { glibc } : {}) }
  const folder = await assemblePlatform(platform, parts)
  complain((await checkPlatformFolder(folder, platform)).problems)
  await pack('platform', folder)
}

async function makeMain() {
  if (!(await exists(join(root, 'dist', 'index.js'))))
    throw new Complaint('dist is empty: run npm run build -- --js first.')
  const folder = await assembleMain()
  complain(await checkMainFolder(folder))
  await pack('main', folder)
}

/**
 * @param {'main' | 'platform'} kind
 * @param {string} folder
 */
async function pack(kind, folder) {
  const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', packagesFolder]
  const code = await run(npm, args, { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (code !== 0) throw new Complaint(`npm pack failed in ${folder} (see above).`)
  const tarball = join(packagesFolder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  const { problems, packed, unpacked } = await checkSize(kind, folder, tarball)
  complain(problems)
  const megabytes = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`
  console.log(`${basename(tarball)}: ${megabytes(packed)} packed, ${megabytes(unpacked)} unpacked`)
}

/** @param {string[]} problems */
function complain(problems) {
  if (problems.length > 0) throw new Complaint(problems.join('\n'))
}
