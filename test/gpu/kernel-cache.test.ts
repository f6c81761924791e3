import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { child } from '../lifetime/child.js'
import { goldenTiny } from '../llm/fixtures.js'

// The layer's own cache: what a crash or a full disk left in it must neither be taken nor break a build.

const { prompt, greedy } = goldenTiny()['tiny-llama']?.cases.find(({ prompt }) => prompt.length === 20) ?? {}
const folder = t.testdir()
const shared = process.env['EMULATED_GPU_CACHE'] ?? ''
// The kernels that there are, and a place of its own for each that is made.
for (const name of readdirSync(shared)) symlinkSync(join(shared, name), join(folder, name))

async function load(t: Test) {
  const ended = await child(`
process.env.EMULATED_GPU_CACHE = ${JSON.stringify(folder)}
process.env.EMULATED_GPU_LOG = '1'
const options = { device: 'GPU', engine: 'paged', precision: 'f32', ovConfig: { CACHE_DIR: '' } }
const llm = await LLM.load(model, options)
const { tokens } = await llm.generate({ tokens: ${JSON.stringify(prompt)} }, { ...endless, maxNewTokens: 8 })
console.log(JSON.stringify(tokens))
await llm.close()`)
  t.match(ended, { code: 0, signal: null, stdout: `${JSON.stringify(greedy?.slice(0, 8))}\n` }, ended.stderr)
  return ended.stderr
}

t.test('damaged kernels are built again', async (t) => {
  const taken = [...(await load(t)).matchAll(/^emulated GPU: ([0-9a-f]{32}\.bin) taken from the cache$/gm)]
  const bySize = taken
    .map(([, name = '']) => name)
    .sort((a, b) => statSync(join(folder, a)).size - statSync(join(folder, b)).size)
  const [cut = '', changed = ''] = bySize
  t.not(cut, '')
  t.not(changed, '')
  const whole = readFileSync(join(folder, changed))
  for (const [name, bytes] of [
    [cut, readFileSync(join(folder, cut)).subarray(0, 5000)],
    [changed, whole.map((byte, i) => (i === 5000 ? byte ^ 1 : byte))],
  ] as const) {
    rmSync(join(folder, name))
    writeFileSync(join(folder, name), bytes)
  }
  const words = await load(t)
  for (const name of [cut, changed]) t.match(words, `${name} is damaged`)
  t.notMatch(await load(t), /is damaged/)
})
