import t from 'tap'
import { child } from './child.js'

/** Starts `body` in a worker thread; `post(x)` tells the parent. */
const worker = (body: string) => `
import { writeFileSync } from 'node:fs'
const file = new URL('./worker.mjs', import.meta.url)
writeFileSync(file, \`
import { parentPort } from 'node:worker_threads'
import { LLM } from \${JSON.stringify(index)}
const model = \${JSON.stringify(model)}
const ovConfig = \${JSON.stringify(ovConfig)}
const prompt = \${JSON.stringify(prompt)}
const endless = \${JSON.stringify(endless)}
const post = (x) => parentPort.postMessage(x)
${body}
\`)
const start = () => {
  const thread = new Worker(file)
  const ended = new Promise((resolve) => { thread.on('exit', resolve); thread.on('error', (error) => { console.error(error); resolve('error') }) })
  const message = new Promise((resolve) => thread.once('message', resolve))
  return { thread, ended, message }
}
`

t.test('a worker thread loads, answers and ends with its model left open', async (t) => {
  const body = `const llm = await LLM.load(model, { ovConfig }); post((await llm.generate(prompt, { ...endless, maxNewTokens: 5 })).tokens.length)`
  const source = `${worker(body)}
for (let i = 0; i < 3; i++) { const { ended, message } = start(); console.log(await message, await ended) }`
  t.match(await child(source), { code: 0, signal: null, stderr: '', stdout: '5 0\n5 0\n5 0\n' })
})

t.test('worker.terminate() during generation, again and again, while the main thread answers too', async (t) => {
  const body = `
const llm = await LLM.load(model, { ovConfig })
for await (const part of llm.stream(prompt, endless)) post('running')`
  const source = `${worker(body)}
const llm = await LLM.load(model, { ovConfig })
for (let i = 0; i < 15; i++) {
  const { thread, message } = start()
  await message
  const [code] = await Promise.all([thread.terminate(), llm.generate(prompt, { ...endless, maxNewTokens: 20 })])
  if (code !== 1) console.log('exit code', code)
}
console.log('alive')`
  t.match(await child(source), { code: 0, signal: null, stderr: '', stdout: 'alive\n' })
})

t.test('worker.terminate() while loading', async (t) => {
  const body = `await LLM.load(model, { ovConfig, onProgress: ({ stage }) => post(stage) })`
  const source = `${worker(body)}
for (let i = 0; i < 8; i++) { const { thread, message } = start(); await message; await thread.terminate() }
console.log('alive')`
  t.match(await child(source), { code: 0, signal: null, stderr: '', stdout: 'alive\n' })
})
