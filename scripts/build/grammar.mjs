// @ts-check
import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { cacheFolder } from '../cache.mjs'
import { ask, Complaint, root, run } from '../run.mjs'
import { exists, platform } from './wheel.mjs'

/** The crate that makes llguidance a static library, and what it is made for. */
const crate = join(root, 'native', 'grammar', 'crate')

/** The Rust targets whose libraries the C++ compiler of a platform links. @type {Record<string, string>} */
const targets = {
  'linux-x64': 'x86_64-unknown-linux-gnu',
  'linux-arm64': 'aarch64-unknown-linux-gnu',
  'win32-x64': 'x86_64-pc-windows-msvc',
  'darwin-arm64': 'aarch64-apple-darwin',
}

/** As in native/grammar/crate/Cargo.toml. */
const minimumRust = { major: 1, minor: 87 }

const library = process.platform === 'win32' ? 'llm_grammar.lib' : 'libllm_grammar.a'

/** @typedef {{ name: string, version: string, license: string, folder: string }} Crate */

/**
 * The library of grammars, built by cargo once for each content of the crate's folder, compiler and target.
 * @returns {Promise<{ folder: string, reason?: undefined } | { folder?: undefined, reason: string }>} the folder in the cache with
 *   the library, `llguidance.h`, `crates.json` and `licenses`; or why there is none
 */
export async function grammarLibrary() {
  const cargo = await findCargo()
  if (cargo.reason !== undefined) return cargo
  const target = targets[platform]
  if (!target) return { reason: `no Rust target is known for ${platform}` }
  const folder = join(cacheFolder(), 'grammar', await keyOf(target, cargo.rustc))
  if (await exists(join(folder, 'crates.json'))) return { folder }
  const work = `${folder}.tmp-${process.pid}`
  console.error('Building the library of grammars with cargo, once: this takes about a minute.')
  try {
    const crates = await linkedCrates(cargo.command, target)
    if (!crates) return { reason: 'cargo could not fetch the crates: run cargo fetch in native/grammar/crate' }
    const code = await run(
      cargo.command,
      ['build', '--release', '--locked', '--target', target, '--target-dir', join(work, 'target')],
      { cwd: crate, env: { ...process.env, CARGO_ENCODED_RUSTFLAGS: remaps(crates).join('\x1f') } },
    )
    if (code !== 0) return { reason: 'cargo could not build it (see above)' }
    await collect(work, join(work, 'target', target, 'release', library), crates)
    await rm(join(work, 'target'), { recursive: true, force: true })
    // Another process may have been quicker.
    await rename(work, folder).catch(async (error) => {
      if (!(await exists(folder))) throw error
    })
    return { folder }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * The folder of the library, for packages: none is made without it.
 * @throws {Complaint}
 */
export async function requiredGrammarLibrary() {
  const { folder, reason } = await grammarLibrary()
  if (folder === undefined) throw new Complaint(`No package is made. ${leftOut(reason)}`)
  return folder
}

/** The line that says that the addon has no structured output. @param {string} reason */
export const leftOut = (reason) =>
  `Structured output is left out: ${reason}. To have it, install Rust ${minimumRust.major}.${minimumRust.minor} or newer (https://rustup.rs) and build again.`

/** @returns {Promise<{ command: string, rustc: string, reason?: undefined } | { reason: string }>} */
async function findCargo() {
  const own = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin', 'cargo')
  for (const command of ['cargo', own]) {
    const version = await ask(command, ['--version'])
    if (version === undefined) continue
    const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? []
    const [found, least] = [Number(major) * 1000 + Number(minor), minimumRust.major * 1000 + minimumRust.minor]
    if (!(found >= least)) return { reason: `${version} was found` }
    return { command, rustc: version }
  }
  return { reason: 'cargo was not found' }
}

/**
 * @param {string} target
 * @param {string} rustc
 */
async function keyOf(target, rustc) {
  const hash = createHash('sha256').update(JSON.stringify([target, rustc]))
  for (const path of ['Cargo.toml', 'Cargo.lock', 'src/lib.rs']) hash.update(await readFile(join(crate, path)))
  hash.update(await readFile(new URL(import.meta.url)))
  return hash.digest('hex').slice(0, 32)
}

/**
 * The crates whose code is in the library; those that only help to compile are not.
 * @param {string} cargo
 * @param {string} target
 * @returns {Promise<Crate[] | undefined>}
 */
async function linkedCrates(cargo, target) {
  const manifest = join(crate, 'Cargo.toml')
  const args = [
    'metadata',
    '--format-version',
    '1',
    '--locked',
    '--filter-platform',
    target,
    '--manifest-path',
    manifest,
  ]
  const text = await ask(cargo, args)
  if (text === undefined) return undefined
  /**
   * @type {{
   *   packages: { id: string, name: string, version: string, license: string | null, manifest_path: string, targets: { kind: string[] }[] }[],
   *   resolve: { root: string, nodes: { id: string, deps: { pkg: string, dep_kinds: { kind: string | null }[] }[] }[] }
   * }}
   */
  const { packages, resolve } = JSON.parse(text)
  const byId = new Map(packages.map((one) => [one.id, one]))
  const linked = new Set([resolve.root])
  for (const id of linked) {
    for (const { pkg, dep_kinds: kinds } of resolve.nodes.find((node) => node.id === id)?.deps ?? []) {
      const isMacro = byId.get(pkg)?.targets.some(({ kind }) => kind.includes('proc-macro'))
      if (!isMacro && kinds.some(({ kind }) => kind === null)) linked.add(pkg)
    }
  }
  linked.delete(resolve.root)
  return packages
    .filter(({ id }) => linked.has(id))
    .map(({ name, version, license, manifest_path: path }) => ({
      name,
      version,
      license: license ?? 'unknown',
      folder: dirname(path),
    }))
}

/**
 * Messages of panics hold the paths of their files, which must not tell of the machine that built the library.
 * @param {Crate[]} crates
 */
function remaps(crates) {
  const folders = [...new Set(crates.map(({ folder }) => dirname(folder)))]
  return [...folders, crate].map((folder) => `--remap-path-prefix=${folder}=crates`)
}

/**
 * Puts into `folder` what stays.
 * @param {string} folder
 * @param {string} built the library
 * @param {Crate[]} crates
 */
async function collect(folder, built, crates) {
  await cp(built, join(folder, library))
  const licenses = join(folder, 'licenses')
  for (const { name, version, folder: source } of crates) {
    if (name === 'llguidance') await cp(join(source, 'llguidance.h'), join(folder, 'llguidance.h'))
    const texts = (await readdir(source)).filter((file) => /^(licen[cs]e|copying|copyright|notice)/i.test(file))
    await mkdir(join(licenses, `${name}-${version}`), { recursive: true })
    for (const text of texts) await cp(join(source, text), join(licenses, `${name}-${version}`, basename(text)))
  }
  const facts = crates.map(({ name, version, license }) => ({
    name,
    version,
    license: license.replaceAll('/', ' OR '),
  }))
  await writeFile(join(folder, 'crates.json'), `${JSON.stringify(facts, null, 2)}\n`)
}
