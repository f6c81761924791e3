import t from 'tap'
import { LLM, type StreamPart } from '#lib/index.js'
import { tiny } from './fixtures.js'

// Compiled, not run: misuse must not compile. An error that is not there fails the compilation.
async function misuse(llm: LLM, part: StreamPart): Promise<void> {
  // @ts-expect-error an unknown option
  llm.stream('x', { max_new_tokens: 5 })
  // @ts-expect-error a wrong type
  llm.stream('x', { temperature: 'hot' })
  // @ts-expect-error a prompt that is none
  llm.stream(5)
  // @ts-expect-error a message without role
  llm.stream([{ content: 'Hi' }])
  // @ts-expect-error an unknown policy
  llm.stream('x', { contextOverflow: 'drop-newest' })
  // @ts-expect-error the constructor is private
  new LLM()
  // @ts-expect-error an unknown load option
  await LLM.load('x', { cores: 4 })
  // @ts-expect-error defaults have no signal
  await LLM.load('x', { defaults: { signal: AbortSignal.abort() } })
  // @ts-expect-error a lone prompt is no list of prompts
  await llm.generateAll('x')
  // @ts-expect-error nor is a lone chat
  await llm.generateAll([{ role: 'user', content: 'Hi' }])
  // @ts-expect-error with many answers nobody would know whose text it is
  await llm.generateAll(['x'], { onText: () => {} })
  // @ts-expect-error warm computes no answer
  await llm.warm('x', { maxNewTokens: 5 })
  // @ts-expect-error an unknown engine
  await LLM.load('x', { engine: 'fast' })
  // @ts-expect-error an unknown field of prompt lookup
  llm.stream('x', { promptLookup: { ngram: 3 } })
  // @ts-expect-error the result of stream() is no promise of a result
  ;(await llm.stream('x')).text
  if (part.type === 'text') part.text.trim()
}

t.test('the types let through what the documentation shows', async (t) => {
  t.type(misuse, 'function')
  const maybe: AbortSignal | undefined = undefined
  await using llm = await LLM.load(new URL(`file://${tiny('tiny-llama')}`), {
    signal: maybe,
    ovConfig: { NUM_STREAMS: 1 },
  })
  const { text } = await llm.generate([{ role: 'user', content: 'Hi', name: 'anybody' }], {
    maxNewTokens: 3,
    signal: maybe,
  })
  t.type(text, 'string')
})

t.test('CommonJS can require the package', async (t) => {
  const { createRequire } = await import('node:module')
  const { execFileSync } = await import('node:child_process')
  // Only runs where require() of ES modules is not behind a flag.
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
  if (major === 20 ? minor < 19 : major === 22 && minor < 12) return t.pass(`Node ${process.versions.node} cannot`)
  t.ok(createRequire(import.meta.url).resolve('openvino-llm'))
  const script = `const { LLM, version } = require('openvino-llm'); console.log(typeof LLM.load, version)`
  t.match(
    execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    /^function \d/,
  )
})
