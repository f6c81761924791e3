import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** Milliseconds from the line `go` on stdout to the end; 0 without such a line. */
  afterGo: number
}

/** Lines that every child begins with: a tiny model and options that keep it deterministic. */
const prelude = (index: string, model: string) => `
import { LLM, devices } from ${JSON.stringify(index)}
import { Worker } from 'node:worker_threads'
const index = ${JSON.stringify(index)}
const model = ${JSON.stringify(model)}
const ovConfig = { INFERENCE_PRECISION_HINT: 'f32', KV_CACHE_PRECISION: 'f32' }
const prompt = { tokens: [10, 20, 30] }
const endless = { temperature: 0, ignoreEos: true }
`

/** Runs a program in a process of its own; it is killed, and the test fails by its signal, when it does not end. */
export function child(
  source: string,
  options: { model?: string; args?: string[]; deadline?: number } = {},
): Promise<Ended> {
  const { model = resolve('test/fixtures/ir/tiny-llama-fp32'), args = [], deadline = 900_000 } = options
  const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-child-'))
  const file = join(folder, 'child.mjs')
  writeFileSync(file, prelude(pathToFileURL(resolve('dist/index.js')).href, model) + source)
  // The test runner's own preloads would change what is measured.
  const { NODE_OPTIONS: _, ...env } = process.env
  const process_ = spawn(process.execPath, ['--expose-gc', ...args, file], { env, timeout: deadline })
  const ended: Ended = { code: null, signal: null, stdout: '', stderr: '', afterGo: 0 }
  let go = 0
  process_.stdout.on('data', (data) => {
    ended.stdout += data
    if (go === 0 && /^go$/m.test(ended.stdout)) go = performance.now()
  })
  process_.stderr.on('data', (data) => {
    ended.stderr += data
  })
  return new Promise((done, reject) => {
    process_.on('error', reject)
    process_.on('close', (code, signal) => {
      rmSync(folder, { recursive: true, force: true })
      done({ ...ended, code, signal, afterGo: go === 0 ? 0 : performance.now() - go })
    })
  })
}
