import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { demoModelPath } from '#lib/cache/root.js'
import { child } from './child.js'

const quiet = { code: 0, signal: null, stderr: '' }

t.test('a process with nothing left to do exits, the model still open', async (t) => {
  t.match(await child(`await LLM.load(model, { ovConfig }); console.log('loaded')`), { ...quiet, stdout: 'loaded\n' })
})

t.test('a running answer keeps the process alive until it ends', async (t) => {
  const source = `
const llm = await LLM.load(model, { ovConfig })
llm.generate(prompt, { ...endless, maxNewTokens: 200 }).then(({ tokens }) => console.log(tokens.length))`
  t.match(await child(source), { ...quiet, stdout: '200\n' })
})

t.test('a load keeps the process alive until it ends', async (t) => {
  t.match(await child(`LLM.load(model, { ovConfig }).then((llm) => console.log(llm.info.modelType))`), {
    ...quiet,
    stdout: 'llama\n',
  })
})

t.test('tokenizing keeps the process alive until it ends', async (t) => {
  const source = `const llm = await LLM.load(model, { ovConfig }); llm.tokenize('abc').then(({ text }) => console.log(text))`
  t.match(await child(source), { ...quiet, stdout: 'abc\n' })
})

t.test('closing keeps the process alive until it ends, also when the tokenizer was at work', async (t) => {
  // The text worker by itself: nothing else keeps this process alive.
  const { code, stdout } = await child(`
    const { TextWorker } = await import(new URL('text/worker/text-worker.js', index))
    const { loadModel } = await import(new URL('model/load-model.js', index))
    const worker = await TextWorker.open((await loadModel(model)).text)
    worker.encodeText('word '.repeat(100_000)).catch(() => {})
    await new Promise(setImmediate) // the thread has the job
    await worker.close()
    console.log('closed')
  `)
  t.match({ code, stdout }, { code: 0, stdout: /^closed$/m })
})

t.test('after close nothing holds the process', async (t) => {
  const source = `
const llm = await LLM.load(model, { ovConfig })
const running = llm.generate(prompt, endless).catch((error) => error.code)
await llm.close()
console.log(await running)`
  t.match(await child(source), { ...quiet, stdout: 'ERR_CLOSED\n' })
})

t.test('process.exit at any moment: while loading, decoding, listing devices', async (t) => {
  const sources = [
    `LLM.load(model, { ovConfig }).catch(() => {}); setImmediate(() => process.exit(7))`,
    `LLM.load(model, { ovConfig, onProgress: ({ stage }) => { if (stage === 'warmup') process.exit(7) } })`,
    `const llm = await LLM.load(model, { ovConfig }); for await (const part of llm.stream(prompt, endless)) process.exit(7)`,
    `devices().catch(() => {}); setImmediate(() => process.exit(7))`,
    `const llm = await LLM.load(model, { ovConfig }); llm.close(); process.exit(7)`,
  ]
  for (const source of sources) {
    // A race with the static destructors showed in 3 of 10 exits.
    for (let i = 0; i < 6; i++) t.match(await child(source), { code: 7, signal: null, stderr: '' }, source)
  }
})

const demo = demoModelPath()
const noDemo = existsSync(demo) ? false : `the demo model is not here: npm run demo fetches it (${demo})`
t.test('process.exit while a GGUF is converted, and while a real model is compiled', { skip: noDemo }, async (t) => {
  const converting = `
import { convert } from ${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)}
import { mkdtempSync } from 'node:fs'
const folder = mkdtempSync(${JSON.stringify(join(tmpdir(), 'openvino-llm-exit-'))})
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
import { rmSync } from 'node:fs'
await convert(model, folder + '/model', { onProgress: ({ stage }) => { if (stage === 'convert') { console.log('go'); process.exit(7) } } })`
  const compiling = `
await LLM.load(model, { packedCacheBytes: 0, onProgress: ({ stage, done }) => { if (stage === 'compile' && done === 0) { console.log('go'); process.exit(7) } } })`
  for (const source of [converting, compiling]) {
    const { code, signal, stdout, stderr, afterGo } = await child(source, { model: demo })
    t.match({ code, signal, stdout, stderr }, { code: 7, signal: null, stdout: 'go\n', stderr: '' })
    t.comment(`gone ${afterGo.toFixed(0)} ms after process.exit`)
  }
})

t.test('an uncaught exception while decoding ends the process as it should', async (t) => {
  const source = `
const llm = await LLM.load(model, { ovConfig })
for await (const part of llm.stream(prompt, endless)) setImmediate(() => { throw new Error('boom') })`
  const { code, signal, stderr } = await child(source)
  t.same([code, signal], [1, null])
  t.match(stderr, /Error: boom/)
})

t.test('a result that nobody awaits raises no unhandledRejection', async (t) => {
  const source = `
const llm = await LLM.load(model, { ovConfig })
llm.stream(prompt, { ...endless, signal: AbortSignal.abort(new Error('x')) })
llm.stream(prompt, { ...endless, onText() { throw new Error('y') } })
const stream = llm.stream(prompt, endless)
await llm.close()
console.log('fine')`
  t.match(await child(source), { ...quiet, stdout: 'fine\n' })
})

t.test('a forgotten model is freed, with its threads', async (t) => {
  const source = `
import { readdirSync } from 'node:fs'
const threads = () => process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0
await (async () => { const llm = await LLM.load(model, { ovConfig }); await llm.generate(prompt, { maxNewTokens: 2 }) })()
const before = threads()
// Collection is due when the engine's and the text worker's threads are gone; bounded by the parent's deadline.
while (process.platform === 'linux' && threads() >= before) { gc(); await new Promise((next) => setTimeout(next, 5)) }
console.log('freed')`
  t.match(await child(source), { ...quiet, stdout: 'freed\n' })
})

t.test('a model that is forgotten while it generates goes on', async (t) => {
  const source = `
const running = (async () => { const llm = await LLM.load(model, { ovConfig }); return llm.stream(prompt, { ...endless, maxNewTokens: 200 }).result })()
const timer = setInterval(() => gc(), 1)
console.log((await running).tokens.length)
clearInterval(timer)`
  t.match(await child(source), { ...quiet, stdout: '200\n' })
})

const smol = resolve('../shared/fixtures/ir/smollm2-135m-int4-asym64')
t.test(
  'process.exit during a 2,000-token prefill',
  { skip: existsSync(smol) ? false : 'the real export is not here' },
  async (t) => {
    const source = `
const llm = await LLM.load(model)
llm.generate({ tokens: Array.from({ length: 2000 }, (_, i) => 300 + (i * 7919) % 20000) }, { maxNewTokens: 5 }).then(() => console.log('too late'))
setTimeout(() => { console.log('go'); process.exit(7) }, 150)`
    const { code, signal, stdout, stderr, afterGo } = await child(source, { model: smol })
    t.match({ code, signal, stdout, stderr }, { code: 7, signal: null, stdout: 'go\n', stderr: '' })
    t.comment(`gone ${afterGo.toFixed(0)} ms after process.exit`)
  },
)
