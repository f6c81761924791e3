// @ts-check
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { bundled } from '../build/page.mjs'
import { selfTestFolder } from '../build/self-test.mjs'
import { Complaint, root } from '../run.mjs'
import { bundle } from './bundle.mjs'
import { bill, components, purl } from './components.mjs'
import { platforms } from './platforms.mjs'

/** Below it lie the folders that are packed, and the packages. */
export const packagesFolder = join(root, 'build', 'packages')

/** @typedef {import('./platforms.mjs').Platform} Platform */

/**
 * Makes the folder of the package without binaries: what `files` in package.json names, with the modules bundled, and without source maps,
 * because the sources are not shipped.
 * @returns {Promise<string>}
 */
export async function assembleMain() {
  const manifest = await mainManifest()
  const folder = await emptyFolder('openvino-llm')
  const dist = join(folder, 'dist')
  await bundle(dist)
  for (const path of Object.values(manifest.bin)) await chmod(join(folder, path), 0o755)
  const sources = new Set(await filesBelow(join(root, 'lib')))
  for (const path of await filesBelow(join(root, 'dist'))) {
    // A module without a source was deleted since it was compiled.
    if (!path.endsWith('.d.ts') || !sources.has(path.replace(/\.d\.ts$/, '.ts'))) continue
    const text = await readFile(join(root, 'dist', path), 'utf8')
    await mkdir(dirname(join(dist, path)), { recursive: true })
    await writeFile(join(dist, path), text.replace(/^\/\/# sourceMappingURL=.*\n?/m, ''))
  }
  await cp(join(root, 'dist', 'page'), join(folder, 'dist', 'page'), { recursive: true })
  // The README links to the docs.
  for (const name of ['README.md', 'LICENSE', 'docs'])
    await cp(join(root, name), join(folder, name), { recursive: true })
  await writeJson(join(folder, 'sbom.json'), bill(manifest, await dependencies()))
  const { devDependencies, scripts, imports, binary, gypfile, files, ...kept } = manifest
  await writeJson(join(folder, 'package.json'), {
    ...kept,
    ...repository(),
    // With a binding.gyp, npm would compile.
    gypfile: false,
    // Worker threads cannot be started out of the archives that Yarn keeps packages in.
    preferUnplugged: true,
    optionalDependencies: Object.fromEntries(Object.values(platforms).map(({ name }) => [name, manifest.version])),
  })
  return folder
}

/**
 * Makes the folder of a platform's package from what was built for it.
 * @param {Platform} platform
 * @param {object} parts
 * @param {string} parts.prebuilt the folder with the addon and OpenVINO's libraries
 * @param {string} parts.licenses OpenVINO's
 * @param {string} parts.grammar the folder of the library of grammars, with its licences
 * @param {string} parts.openvino its version
 * @param {string} [parts.glibc] the oldest that all files run with
 * @returns {Promise<string>}
 */
export async function assemblePlatform(platform, { prebuilt, licenses, grammar, openvino, glibc }) {
  const { version, license, engines } = await mainManifest()
  const folder = await emptyFolder(basename(platform.name))
  /** @type {Record<string, number>} */
  const sizes = {}
  for (const name of (await readdir(prebuilt)).sort()) {
    const target = name.endsWith('.node') ? 'openvino_llm.node' : name
    await cp(join(prebuilt, name), join(folder, target))
    sizes[target] = (await stat(join(folder, target))).size
  }
  if (!sizes['openvino_llm.node']) throw new Complaint(`${prebuilt} holds no addon.`)
  await cp(selfTestFolder, join(folder, 'self-test'), { recursive: true })
  await cp(licenses, join(folder, 'licenses', 'openvino'), { recursive: true })
  await cp(join(grammar, 'licenses'), join(folder, 'licenses', 'grammar'), { recursive: true })
  await cp(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  await cp(join(root, 'node_modules', 'node-addon-api', 'LICENSE.md'), join(folder, 'licenses', 'node-addon-api.md'))
  await writeFile(join(folder, 'index.cjs'), platformModule)
  await writeFile(join(folder, 'README.md'), platformReadme(platform, openvino))
  await writeJson(join(folder, 'sbom.json'), await platformBill(platform, version, openvino, grammar))
  await writeJson(join(folder, 'package.json'), {
    name: platform.name,
    version,
    description: `The native addon of openvino-llm and OpenVINO ${openvino} for ${platform.os} ${platform.cpu}.`,
    license: `${license} AND BSD-3-Clause AND MIT`,
    ...repository(),
    os: [platform.os],
    cpu: [platform.cpu],
    ...(platform.libc ? { libc: [platform.libc] } : {}),
    engines,
    type: 'commonjs',
    main: './index.cjs',
    exports: { '.': './index.cjs', './package.json': './package.json' },
    // Libraries cannot be loaded out of the archives that Yarn keeps packages in.
    preferUnplugged: true,
    openvinoLlm: { openvino, ...(glibc ? { glibc } : {}), files: sizes },
  })
  return folder
}

/** The addon is not loaded here: lib/addon checks the system and the files first. */
const platformModule = `'use strict'
exports.folder = __dirname
exports.load = () => require('./openvino_llm.node')
`

/**
 * @param {Platform} platform
 * @param {string} openvino
 */
function platformReadme({ name, os, cpu, libc }, openvino) {
  return `# ${name}

The native addon of [openvino-llm](https://www.npmjs.com/package/openvino-llm) and the libraries of OpenVINO ${openvino} for
${os} ${cpu}${libc ? ` (${libc})` : ''}. It is installed with openvino-llm by itself and is of no use alone.

\`sbom.json\` lists what is inside, \`licenses/\` the licences.
`
}

/**
 * @param {Platform} platform
 * @param {string} version
 * @param {string} openvino
 * @param {string} grammar
 */
async function platformBill({ name }, version, openvino, grammar) {
  const api = JSON.parse(await readFile(join(root, 'node_modules', 'node-addon-api', 'package.json'), 'utf8'))
  /** @type {Record<string, { version?: string, purl?: string }>} */
  const known = {
    openvino: { version: openvino, purl: `pkg:github/openvinotoolkit/openvino@${openvino}` },
    'node-addon-api': { version: api.version, purl: purl(api) },
  }
  /** @type {{ name: string, version: string, license: string }[]} */
  const crates = JSON.parse(await readFile(join(grammar, 'crates.json'), 'utf8'))
  const parts = components.filter((component) => !['openvino-llm', 'llguidance'].includes(component.name))
  return bill({ name, version }, [
    ...parts.map(({ name: part, license }) => ({ name: part, ...known[part], license })),
    ...crates.map((crate) => ({ ...crate, purl: `pkg:cargo/${crate.name}@${crate.version}` })),
  ])
}

/** What npm installs with this package, and what the chat page holds, from the lockfile. */
async function dependencies() {
  /** @type {{ packages: Record<string, { version: string, license?: string, dev?: boolean, integrity?: string }> }} */
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(packages).flatMap(([path, { version, license, dev }]) => {
    const name = path.split('node_modules/').pop()
    const isInPage = bundled.includes(path.replace('node_modules/', ''))
    if (!name || (dev && !isInPage)) return []
    return [{ name, version, license: license ?? 'unknown', purl: purl({ name, version }) }]
  })
}

/** Only known where a release is made; npm's provenance compares it. */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = process.env
  return server && name ? { repository: { type: 'git', url: `git+${server}/${name}.git` } } : {}
}

async function mainManifest() {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
}

/** @param {string} name */
async function emptyFolder(name) {
  const folder = join(packagesFolder, name)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  return folder
}

/**
 * @param {string} folder
 * @returns {Promise<string[]>} paths below it, with slashes
 */
export async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')).sort()
}

/**
 * @param {string} path
 * @param {unknown} value
 */
async function writeJson(path, value) {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`)
}
