// @ts-check
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, posix, relative, sep } from 'node:path'
import { build } from 'esbuild'
import { Complaint, root } from '../run.mjs'

const compiled = join(root, 'dist')

/** How lib/ names files from the place of a module. Other bundlers and packers know this form too. */
const placed = /new URL\((['"])(\.[^'"]*)\1, import\.meta\.url\)/g
/** Stands before a path below dist/ until it is known in which file the code ends up. */
const mark = 'dist:'

/** @typedef {{ modules: string[], imports: string[] }} Part of a bundle: the modules in it, and the parts that it imports at once */

/**
 * Makes few files out of the compiled modules: importing a file costs half a millisecond. What entries of the package share goes to chunks/.
 * The module of a thread becomes one file, because somebody waits for the thread. Nothing is minified, names are kept, and other packages
 * stay outside.
 * @param {string} target the folder that takes the place of dist/
 * @returns {Promise<Map<string, Part>>} by path; all paths are below dist/
 */
export async function bundle(target) {
  const { entries, threads } = await startingModules()
  const recipe = /** @satisfies {import('esbuild').BuildOptions} */ ({
    absWorkingDir: compiled,
    outdir: target,
    outbase: compiled,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    packages: 'external',
    keepNames: true,
    logLevel: 'warning',
    plugins: [{ name: 'places', setup: ({ onLoad }) => onLoad({ filter: /\.js$/ }, loadMarked) }],
  })
  const builds = await Promise.all([
    build({ ...recipe, entryPoints: entries, splitting: true }),
    build({ ...recipe, entryPoints: threads }),
  ])
  /** @type {Map<string, Part>} */
  const parts = new Map()
  for (const { outputFiles, metafile } of builds) {
    for (const { path, text } of outputFiles) {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, named(withPlaces(text, below(target, path))))
    }
    const name = (/** @type {string} */ path) => below(target, join(compiled, path))
    for (const [path, { inputs, imports }] of Object.entries(metafile.outputs)) {
      const atOnce = imports.filter(({ kind, external }) => kind === 'import-statement' && !external)
      parts.set(name(path), { modules: Object.keys(inputs), imports: atOnce.map(({ path: to }) => name(to)) })
    }
  }
  return parts
}

/** What begins with a file of its own: the package's entries and its command, and what lib/ starts in threads and processes. */
async function startingModules() {
  const { exports, bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const named = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)]
  const entries = named.filter(Boolean).map((path) => posix.relative('dist', path))
  const threads = []
  for (const file of await readdir(join(root, 'lib'), { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    for (const [, , to = ''] of (await readFile(join(root, 'lib', file), 'utf8')).matchAll(placed)) {
      const module = posix.join(below('', dirname(file)), to)
      if (module.endsWith('worker.js')) threads.push(module)
      else if (module.endsWith('.js')) entries.push(module)
    }
  }
  return { entries, threads }
}

/** @param {{ path: string }} module */
async function loadMarked({ path }) {
  return { contents: marked(await readFile(path, 'utf8'), below(compiled, path)), loader: /** @type {const} */ ('js') }
}

/**
 * A module's code, in which what it finds from its own place is named from dist/.
 * @param {string} code
 * @param {string} module its path below dist/
 * @throws {Complaint} when it uses its place in another way, which would not be that place in a bundle
 */
export function marked(code, module) {
  // Packages are found alike from everywhere in this one.
  const other = code.replace(placed, '').replaceAll('createRequire(import.meta.url)', '')
  if (other.includes('import.meta'))
    throw new Complaint(
      `${module}: expected import.meta only in createRequire(import.meta.url) and new URL('./…', import.meta.url).`,
    )
  return code.replace(
    placed,
    (_, _quote, to) => `new URL("${mark}${posix.join(dirname(module), to)}", import.meta.url)`,
  )
}

/**
 * @param {string} code of a part of the bundle
 * @param {string} part its path below dist/
 */
function withPlaces(code, part) {
  return code.replace(new RegExp(`new URL\\("${mark}([^"]*)"`, 'g'), (_, place) => {
    const path = posix.relative(posix.join('/dist', dirname(part)), posix.join('/dist', place))
    return `new URL("${path.startsWith('.') ? '' : './'}${path}${place.endsWith('/') ? '/' : ''}"`
  })
}

/**
 * A bundle's code with classes named as their source names them. esbuild makes `var LLM = class _LLM {` of a class that names itself, and
 * stacks would say `_LLM.stream`.
 * @param {string} code
 */
export function named(code) {
  const classes = [...code.matchAll(/\bvar (\w+) = class _\1 (?:extends [^\n]+ )?\{/g)].map(([, name]) => name)
  return classes.reduce(
    (text, name) => text.replace(new RegExp(`(?<![\\w$.#])_${name}(?![\\w$])`, 'g'), `${name}`),
    code,
  )
}

/**
 * @param {string} folder
 * @param {string} path
 */
const below = (folder, path) => relative(folder, path).split(sep).join('/')
