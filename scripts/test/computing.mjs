// @ts-check
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { root } from '../run.mjs'

/** What a test says that loads a model or multiplies: the library, a job of it, the command line, or a bench that does. */
const marks = /\bLLM\.load\(|\brunJob\('|resolve\('dist\/(index|cli\/main)\.js'|bench\/(accuracy|kernels)\.mjs/

/**
 * What is about what surrounds the computing, such as the ends of processes, files, scores and tools that make models: other tests prove
 * that the same is computed on each CPU.
 */
const surfaces = [
  ...['test/docs/', 'test/cli/', 'test/remote/', 'test/server/', 'test/lifetime/', 'test/store/', 'test/evaluate/'],
  ...['test/integrations/', 'test/bench/generate', 'test/bench/modes', 'test/self-test/report.'],
]

/**
 * Whether a test runs OpenVINO's CPU plugin or the built-in kernels, so that its outcome may depend on the CPU: it, or a file
 * under test/ that it imports, says so.
 * @param {string} path of the source, relative to the root
 * @param {Set<string>} [seen]
 * @returns {Promise<boolean>}
 */
export async function computes(path, seen = new Set()) {
  if (seen.has(path) || surfaces.some((folder) => path.startsWith(folder))) return false
  seen.add(path)
  const source = await readFile(join(root, path), 'utf8')
  if (marks.test(source)) return true
  for (const [, imported = ''] of source.matchAll(/ from '(\.[^']+)\.js'/g)) {
    if (await computes(join(dirname(path), `${imported}.ts`), seen)) return true
  }
  return false
}
