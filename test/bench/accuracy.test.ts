import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { node } from '../scripts/script.js'

t.test('accuracy compares every way of computing with f32', async (t) => {
  const folder = 'test/fixtures/ir/tiny-llama'
  const { PATH = '', HOME = '' } = process.env
  const { code, stdout, stderr } = await node(['bench/accuracy.mjs', '--model', folder, '--tokens', '40'], {
    PATH,
    HOME,
  })
  t.equal(code, 0, stderr)
  const rows = stdout.split('\n').filter((line) => /^\| (OpenVINO|built-in)/.test(line))
  const divergences = rows.map((row) => Number(row.split('|')[3]))
  t.equal(rows.length, 7)
  t.ok(
    divergences.every((divergence) => divergence >= 0 && divergence < 0.5),
    `${divergences}`,
  )
  t.match(rows.at(-1), /f32 activations, f32 KV cache \| 100\.00 % of \d+ \|/)
  t.ok(Number(divergences.at(-1)) < 1e-6, `the last way is exact: ${divergences}`)
  // The built-in kernels quantize on every CPU, OpenVINO only where the CPU has VNNI.
  const quantized = divergences.filter((_, index) => /built-in kernels, (?!f32 activations)/.test(rows[index] ?? ''))
  t.ok(quantized.length === 4 && quantized.every((divergence) => divergence > 0), `${quantized}`)
})

t.test('wrong usage is said', async (t) => {
  const { code, stderr } = await node(['bench/accuracy.mjs', '--tokens', '1'], {})
  t.equal(code, 1)
  t.match(stderr, /--tokens: expected 2 or more, found 1/)
})

t.test('the corpus is frozen, or figures of different days could not be compared', async (t) => {
  const hash = createHash('sha256').update(readFileSync('bench/corpus.txt'))
  t.equal(hash.digest('hex'), '2a75976c0ad9431f2de8bfa681d558edc832e029796e9fad41012160ca10ad37')
})
