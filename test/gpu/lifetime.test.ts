import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { child } from '../lifetime/child.js'

// A GPU's driver compiles for long. Whoever closes or ends must not wait for ever, and nothing may crash.

const url = (path: string) => JSON.stringify(pathToFileURL(resolve(path)).href)

/** A child that loads on the GPU; `cold` without kernels that were built before, and `compiling()` resolves while one is built. */
const onGpu = (cold: boolean, body: string) => `
import { EmulatedGpu } from ${url('build/test/gpu/emulated-gpu.js')}
${cold ? "process.env.EMULATED_GPU_CACHE = ''" : ''}
const gpu = new EmulatedGpu()
process.on('exit', () => gpu[Symbol.dispose]())
const options = { device: 'GPU', precision: 'f32' }
const next = () => new Promise((resolve) => setTimeout(resolve, 5))
const compiling = async () => { while (gpu.get('buildsBegun') === gpu.get('buildsDone')) await next() }
${body}`

t.test('process.exit while kernels are built', async (t) => {
  const ended = await child(
    onGpu(true, `LLM.load(model, options).catch(() => {}); await compiling(); console.log('go'); process.exit(7)`),
  )
  t.match(ended, { code: 7, signal: null, stdout: 'go\n', stderr: '' })
  t.comment(`gone ${ended.afterGo.toFixed(0)} ms after process.exit`)
})

t.test('a load that is aborted while kernels are built rejects, and the process ends by itself', async (t) => {
  const ended = await child(
    onGpu(
      true,
      `const controller = new AbortController()
const loading = LLM.load(model, { ...options, signal: controller.signal }).catch((error) => console.log(error.message))
await compiling(); console.log('go'); controller.abort(new Error('enough')); await loading; console.log('rejected')`,
    ),
  )
  t.match(ended, { code: 0, signal: null, stdout: 'go\nenough\nrejected\n', stderr: '' })
  t.comment(`gone ${ended.afterGo.toFixed(0)} ms after the abort`)
})

t.test('worker.terminate() while kernels are built, and while it decodes', async (t) => {
  for (const [cold, body] of [
    [true, `LLM.load(model, options); post('loading')`],
    [
      false,
      `const llm = await LLM.load(model, options); for await (const part of llm.stream(prompt, endless)) post('running')`,
    ],
  ] as const) {
    const ended = await child(
      onGpu(
        cold,
        `import { writeFileSync } from 'node:fs'
const file = new URL('./worker.mjs', import.meta.url)
writeFileSync(file, \`
import { parentPort } from 'node:worker_threads'
import { LLM } from \${JSON.stringify(index)}
const model = \${JSON.stringify(model)}, options = \${JSON.stringify(options)}
const prompt = \${JSON.stringify(prompt)}, endless = \${JSON.stringify(endless)}
const post = (x) => parentPort.postMessage(x)
${body}\`)
const thread = new Worker(file)
await new Promise((resolve) => thread.once('message', resolve))
${cold ? 'await compiling()' : ''}
console.log('go', await thread.terminate())`,
      ),
    )
    t.match(ended, { code: 0, signal: null, stdout: 'go 1\n', stderr: '' }, body)
  }
})

t.test('process.exit and close() in the middle of an answer', async (t) => {
  const exit = `const llm = await LLM.load(model, options); for await (const part of llm.stream(prompt, endless)) process.exit(7)`
  t.match(await child(onGpu(false, exit)), { code: 7, signal: null, stderr: '' })
  const close = `const llm = await LLM.load(model, options)
const running = llm.generate(prompt, endless).catch((error) => error.code)
await llm.close(); console.log(await running)`
  t.match(await child(onGpu(false, close)), { code: 0, signal: null, stdout: 'ERR_CLOSED\n', stderr: '' })
})
