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
  const rows = stdout.split('\n').filter((line) => /^\| (OpenVINO|own)/.test(line))
  t.equal(rows.length, 7)
  const [exact = ''] = rows.slice(-1)
  t.match(exact, /f32 activations, f32 KV cache \| 100\.00 % of \d+ \| \S+e-\d+ \|/)
  const quantized = rows.slice(0, -1).map((row) => Number(row.split('|')[3]))
  t.ok(
    quantized.every((divergence) => divergence > 0 && divergence < 0.5),
    `${quantized}`,
  )
})

t.test('wrong usage is said', async (t) => {
  const { code, stderr } = await node(['bench/accuracy.mjs', '--tokens', '1'], {})
  t.equal(code, 1)
  t.match(stderr, /--tokens: expected 2 or more, found 1/)
})
