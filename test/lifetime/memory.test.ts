import { platform } from 'node:process'
import t from 'tap'
import { child } from './child.js'

t.test(
  'anonymous memory after 1,000 short requests is at most that after 200 and 10 MB',
  { skip: platform === 'linux' ? false : 'reads /proc' },
  async (t) => {
    const source = `
import { readFileSync } from 'node:fs'
const llm = await LLM.load(model, { ovConfig })
const anonymous = () => { gc(); return Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024 }
const messages = [{ role: 'user', content: 'Hello there, how are you today?' }]
let after200 = 0
for (let i = 1; i <= 1000; i++) {
  if (i % 3 === 0) for await (const part of llm.stream(messages, { ...endless, maxNewTokens: 50 })) break
  else if (i % 7 === 0) await llm.generate(messages, { ...endless, maxNewTokens: 5, temperature: 1, stop: 'xyz' })
  else await llm.generate(messages, { ...endless, maxNewTokens: 5 })
  if (i === 200) after200 = anonymous()
}
console.log(JSON.stringify({ after200, after1000: anonymous() }))
await llm.close()`
    // V8 lets the young generation of the test's own heap grow by several MB over these requests: it is held small.
    const { code, stdout, stderr } = await child(source, { args: ['--max-semi-space-size=1'] })
    t.same([code, stderr], [0, ''])
    const { after200, after1000 } = JSON.parse(stdout) as { after200: number; after1000: number }
    t.comment(`${after200.toFixed(1)} MB after 200, ${after1000.toFixed(1)} MB after 1,000`)
    t.ok(after1000 <= after200 + 10, `${after200.toFixed(1)} MB, then ${after1000.toFixed(1)} MB`)
  },
)

// OpenVINO 2026.4.1 itself keeps about 0.6 MB of each compiled tiny model (a plain C++ program shows it): ours would come on top.
t.test(
  'loading and closing again and again keeps no more than OpenVINO does',
  { skip: platform === 'linux' ? false : 'reads /proc' },
  async (t) => {
    const source = `
import { readFileSync } from 'node:fs'
const anonymous = () => { gc(); return Number(/RssAnon:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024 }
let early = 0
for (let i = 1; i <= 30; i++) {
  const llm = await LLM.load(model, { ovConfig })
  await llm.generate(prompt, { ...endless, maxNewTokens: 3 })
  await llm.close()
  if (i === 10) early = anonymous()
}
console.log(JSON.stringify({ early, late: anonymous() }))`
    const { code, stdout, stderr } = await child(source)
    t.same([code, stderr], [0, ''])
    const { early, late } = JSON.parse(stdout) as { early: number; late: number }
    t.comment(`${early.toFixed(1)} MB after 10 loads, ${late.toFixed(1)} MB after 30`)
    t.ok(late <= early + 30, `${early.toFixed(1)} MB, then ${late.toFixed(1)} MB`)
  },
)
