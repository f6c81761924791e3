// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { LLMError } from '../../dist/errors.js'
import { grammarSchema } from '../../dist/grammar/json-schema.js'
import { loadModel } from '../../dist/model/load-model.js'
import { TextWorker } from '../../dist/text/worker/text-worker.js'
import { exists } from '../../scripts/build/wheel.mjs'
import { Complaint, root } from '../../scripts/run.mjs'

/** @typedef {import('./folder.mjs').Case} Case */
/** @typedef {{ accepted: boolean, masks: number[] } | { error: string }} Followed milliseconds of each mask */
/** @typedef {{ compile: number, texts: Followed[] } | { error: string }} Compiled Line of bench/schemas_bench.cc */

/**
 * Compiles each schema and follows its texts through the grammar, with the tokens of a model and without the model.
 * @param {Pick<Case, 'schema' | 'texts'>[]} cases
 * @param {string} model
 * @returns {Promise<Compiled[]>}
 * @throws {Complaint}
 */
export async function followTexts(cases, model) {
  const program = join(root, 'build', 'Release', `schemas_bench${process.platform === 'win32' ? '.exe' : ''}`)
  if (!(await exists(program))) throw new Complaint(`${program} is not built yet: run npm install, or npm run build.`)
  const definition = await loadModel(model)
  const text = await TextWorker.open(definition.text)
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  // What it no longer reads shows in its exit code.
  child.stdin.on('error', () => {})
  /** @type {Compiled[]} */
  const found = []
  /** @type {number[]} places of the schemas that the program was given and has not answered */
  const asked = []
  createInterface(child.stdout).on('line', (line) => {
    found[asked.shift() ?? 0] = JSON.parse(line)
  })
  /** @param {ArrayBufferView} list @param {number} length */
  const write = async (list, length) => {
    child.stdin.write(Uint32Array.of(length))
    const bytes = new Uint8Array(list.buffer, list.byteOffset, list.byteLength)
    if (!child.stdin.write(bytes) && child.exitCode === null) await Promise.race([once(child.stdin, 'drain'), ended])
  }
  try {
    const { offsets, bytes, special } = text.tokens
    for (const list of [offsets, bytes, special, Int32Array.from(definition.stopTokenIds)])
      await write(list, list.length)
    for (const [i, { schema, texts }] of cases.entries()) {
      const source = sourceOf(schema)
      if (source instanceof LLMError) {
        found[i] = { error: source.message }
        continue
      }
      asked.push(i)
      await write(source, source.length)
      child.stdin.write(Uint32Array.of(texts.length))
      for (const one of texts) {
        const tokens = Int32Array.from(await text.encodeWord(one.text))
        await write(tokens, tokens.length)
      }
    }
    child.stdin.end()
    const [code] = await ended
    if (asked.length > 0) throw new Complaint(`${program} ended with ${code} and left ${asked.length} schemas.`)
  } finally {
    child.kill()
    await text.close()
  }
  return found
}

/** @param {Record<string, unknown>} schema */
function sourceOf(schema) {
  try {
    return Buffer.from(JSON.stringify(grammarSchema(schema, { whitespace_flexible: false })))
  } catch (error) {
    if (error instanceof LLMError) return error
    throw error
  }
}
