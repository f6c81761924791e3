import t from 'tap'
import { node } from '../scripts/script.js'
import { run } from './modules.js'

for (const shape of ['phi-3-tiny', 'qwen3-moe-tiny']) {
  t.test(`the products of a step are timed for each kernel of this processor: ${shape}`, async (t) => {
    const { code, stdout, stderr } = await node(
      ['bench/kernels.mjs', '--shape', shape, '--rows', '1,2', '--repetitions', '2', '--threads', '1'],
      {},
    )
    t.equal(code, 0, stderr)
    const rows = stdout.split('\n').filter((line) => /^\| \S/.test(line))
    const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()))
    const steps = cells.filter(([, , count]) => count === '1' || count === '2')
    const names = new Set(steps.map(([, name]) => name))
    t.equal(steps.length, 2 * names.size)
    t.ok(names.size > 0, stdout)
    t.ok(
      steps.every(([, , , ms]) => Number.parseFloat(ms ?? '') > 0),
      stdout,
    )
    for (const [, name = '', , , , , ofInstructions = ''] of steps.filter(([, name]) => name !== 'portable')) {
      for (const bits of ['int4', 'int8']) {
        const [, , , , rate] = cells.find(([, label]) => label === `instructions of ${name}, ${bits}`) ?? []
        t.ok(Number.parseFloat(rate ?? '') > 0, stdout)
      }
      t.ok(Number.parseFloat(ofInstructions) > 0, stdout)
    }
  })
}

t.test('a token is timed in turn with its products and the reading of its weights', async (t) => {
  const args = ['--reading', '--model', 'phi-3-tiny', '--new', '4', '--pairs', '2', '--threads', '1']
  const { code, stdout, stderr } = await node(['bench/bench.mjs', ...args], { OPENVINO_LLM_CACHE: t.testdir({}) })
  t.equal(code, 0, stderr)
  t.match(stdout, /^1 thread, 2 pairs in turn/m)
  for (const name of ['reading the weights', 'matrix products alone', 'the whole token']) {
    const [, , ms, ratio] = (stdout.split('\n').find((line) => line.startsWith(`| ${name} `)) ?? '').split('|')
    t.ok(Number.parseFloat(ms ?? '') > 0, stdout)
    t.equal(Number.parseFloat(ratio ?? '') > 0, name !== 'reading the weights', stdout)
  }
})

t.test('the reading takes the groups of int4 weights, and says when there are none', async (t) => {
  const groups = (schemes: string[]) => run(['reading'], `groupOf(${JSON.stringify(schemes)})`)
  t.equal((await groups(['u8 per channel asymmetric', 'i4 g64 symmetric'])).result, 64)
  t.match((await groups(['u8 g32 asymmetric'])).error, /expected a model with int4 weights in groups, found u8 g32/)
})

t.test('wrong usage is said', async (t) => {
  for (const [option = '', value = '', message] of [
    ['--rows', '1,x', /--rows: expected an integer from 1 to 2048, found 'x'/],
    ['--shape', 'gpt', /--shape: expected phi-3-tiny, .*found 'gpt'/],
  ] as const) {
    const { code, stderr } = await node(['bench/kernels.mjs', option, value], {})
    t.equal(code, 1)
    t.match(stderr, message)
  }
})
