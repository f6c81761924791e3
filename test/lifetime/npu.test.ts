import t from 'tap'
import { emulatedNpu } from '../llm/emulated-npu.js'
import { child } from './child.js'

// The NPU's plugin computes on the CPU here, see test/llm/npu.test.ts. It compiles for much longer than the CPU's.

const load = (more = '') =>
  `LLM.load(model, { device: 'NPU', ovConfig: ${JSON.stringify(emulatedNpu)}, maxPromptLength: 64, minResponseLength: 64 ${more}})`

t.test('process.exit while an NPU compiles and while it decodes', async (t) => {
  const sources = [
    `${load(`, onProgress: ({ stage }) => { if (stage === 'compile') setImmediate(() => process.exit(7)) }`)}.catch(() => {})`,
    `const llm = await ${load()}; for await (const part of llm.stream(prompt, endless)) process.exit(7)`,
  ]
  for (const source of sources) t.match(await child(source), { code: 7, signal: null, stderr: '' }, source)
})

t.test('worker.terminate() while an NPU compiles and while it decodes', async (t) => {
  const body = (work: string) =>
    `import { parentPort } from 'node:worker_threads'
     import { LLM } from INDEX
     const [model, prompt, endless] = ['MODEL', { tokens: [10, 20, 30] }, { temperature: 0, ignoreEos: true }]
     ${work}`
  const compiling = body(
    load(`, onProgress: ({ stage }) => { if (stage === 'compile') parentPort.postMessage(stage) }`),
  )
  const decoding = body(
    `const llm = await ${load()}; for await (const part of llm.stream(prompt, endless)) parentPort.postMessage('decode')`,
  )
  const source = `
import { writeFileSync } from 'node:fs'
for (const body of ${JSON.stringify([compiling, decoding])}) {
  const file = new URL('./worker.mjs', import.meta.url)
  writeFileSync(file, body.replace('INDEX', JSON.stringify(index)).replace('MODEL', model))
  const thread = new Worker(file)
  console.log(await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject)))
  await thread.terminate()
}
const llm = await ${load()}
console.log((await llm.generate(prompt, { ...endless, maxNewTokens: 3 })).tokens.length)
await llm.close()`
  const stdout = 'compile\ndecode\n3\n'
  t.match(await child(source), { code: 0, signal: null, stderr: '', stdout })
})
