import t from 'tap'
import { node } from '../script.js'

const program = `
  import { verdict } from './scripts/architectures/verdict.mjs'
  import { rows, withTable } from './scripts/architectures/table.mjs'
  const model = { name: 'tiny', modelType: 'kind', transformers: '1.2.3' }
  const right = { runner: 'paged', reason: 'it could', warnings: [], differences: [] }
  const say = (golden, auto, stateful) => verdict(model, golden, auto && { auto, stateful })
  const wrong = { ...right, differences: ['5 tokens, alone: token 2'] }
  const verdicts = [
    say({}, right, right),
    say({}, { ...right, runner: 'stateful', reason: 'a | mask' }, right),
    say({}, wrong, right),
    say({}, right, wrong),
    say({}, { ...wrong, warnings: ['softcapping'] }, { ...wrong, warnings: ['softcapping'] }),
    say({}, { refused: 'ERR: no', warnings: [] }, { refused: 'ERR: no', warnings: [] }),
    say({ failed: 'export', error: 'Error: no\\ncode' }),
  ]
  const types = { other: { minimum: '4', maximum: '5', known: true }, remote: { minimum: null, maximum: null, known: false }, hub: { minimum: '4', maximum: '5', known: false } }
  const byHand = [{ name: 'hub', modelType: 'hub', transformers: '4.5', words: 'right, paged' }]
  const table = withTable('a\\n<!-- written by npm run architectures -->\\nold\\n<!-- end -->\\nb', rows(verdicts.slice(1, 2), byHand, types))
  console.log(JSON.stringify({ verdicts: verdicts.map(({ words, wrong }) => [words, wrong]), table }))`

t.test('a verdict says what each engine did, and wrong tokens without a word are the only failure', async (t) => {
  const { code, stdout, stderr } = await node(['--input-type=module', '-e', program], {})
  t.equal(code, 0, stderr)
  const { verdicts, table } = JSON.parse(stdout)
  t.strictSame(verdicts, [
    ['right, paged', false],
    ['right, stateful: a | mask', false],
    ["WRONG with engine 'auto': 5 tokens, alone: token 2; 1 in all", true],
    ["WRONG with engine 'stateful': 5 tokens, alone: token 2; 1 in all", true],
    ['export differs, warned: softcapping', false],
    ['refused: ERR: no', false],
    ['not exported: Error: no code', false],
  ])
  t.strictSame(table.split('\n'), [
    'a',
    '<!-- written by npm run architectures -->',
    '',
    '| model type | tiny model | transformers | verdict |',
    '|---|---|---|---|',
    '| hub |  | 4.5 | by hand: right, paged |',
    '| other |  |  | not exported: optimum-intel takes transformers from 4 to 5 for it |',
    '| remote |  |  | not exported: its code is not in transformers, or no decoder of its own |',
    '| kind | tiny | 1.2.3 | right, stateful: a \\| mask |',
    '',
    '<!-- end -->',
    'b',
  ])
})
