import t from 'tap'
import { run } from './modules.js'

t.test('numbers have three digits that count', async (t) => {
  const { result } = await run(
    ['report'],
    '[0, 0.123, 9.994, 9.996, 99.94, 99.96, 12345.6, NaN, undefined].map(formatNumber)',
  )
  t.same(result, ['0.00', '0.12', '9.99', '10.0', '99.9', '100', '12346', 'n/a', 'n/a'])
})

t.test('ratios come with their range', async (t) => {
  const { result } = await run(
    ['report'],
    '[{ median: 1.234, min: 1, max: 2 }, { median: 0.0456, min: 0.04, max: 0.0512 }, undefined].map(formatRatio)',
  )
  t.same(result, ['1.23× [1.00–2.00]', '0.046× [0.040–0.051]', 'n/a'])
})

const report = {
  title: '16 prompt tokens',
  date: '2030-01-02T03:04:05.000Z',
  machine: { cpu: 'A CPU', platform: 'linux-x64', flags: { avx2: true, amx_int8: false }, cores: 2, node: '20.19.0' },
  model: 'A model',
  workload: { pairs: 7, threads: 2 },
  foreign: { median: 0.01, max: 0.123 },
  sides: ['ours', 'theirs'].map((label) => ({ label, version: '1.0', settings: { threads: '2' } })),
  figures: [
    { name: 'load to ready, ms', values: { ours: 1234 } },
    { name: 'TTFT, ms', values: { ours: 50, theirs: 100 } },
  ],
  ratios: [
    { row: 'TTFT', column: 'to theirs', ratio: { median: 0.5, min: 0.4, max: 0.61 } },
    { row: 'load', column: 'to theirs' },
    { row: '8 streams', column: 'to its own 1', ratio: { median: 2.5, min: 2, max: 3 } },
  ],
  notes: ['A note.'],
}

/** The cells of a Markdown table's row. */
const cells = (row = '') =>
  row
    .split('|')
    .map((cell) => cell.trim())
    .slice(1, -1)

t.test('the report is two Markdown tables with equal columns', async (t) => {
  const text = String((await run(['report'], `formatReport(${JSON.stringify(report)})`)).result)
  const lines = text.split('\n')
  const rows = lines.filter((line) => line.startsWith('|'))
  t.equal(rows.length, 9)
  for (const table of [rows.slice(0, 4), rows.slice(4)]) {
    t.equal(new Set(table.map((row) => row.length)).size, 1, 'all rows of a table are equally long')
  }
  t.same(rows.filter((row) => !row.includes('---')).map(cells), [
    ['', 'ours', 'theirs'],
    ['load to ready, ms', '1234', 'n/a'],
    ['TTFT, ms', '50.0', '100'],
    ['ratio', 'to theirs', 'to its own 1'],
    ['TTFT', '0.50× [0.40–0.61]', ''],
    ['load', 'n/a', ''],
    ['8 streams', '', '2.50× [2.00–3.00]'],
  ])
  for (const words of [
    'A model: 16 prompt tokens.',
    'A CPU (avx2, no amx_int8)',
    '2030-01-02',
    'used 1.0 % of it (12 % in the worst',
    'theirs 1.0: threads 2.',
    'A note.',
  ])
    t.ok(text.includes(words), words)
  t.notMatch(text, /Not to be quoted/)
})

t.test('the summary has the machine and the ratios, not the figures', async (t) => {
  const text = String((await run(['report'], `formatSummary(${JSON.stringify(report)})`)).result)
  t.match(text, /A CPU \(avx2, no amx_int8\), 2 cores, linux-x64, Node 20\.19\.0, 2030-01-02\./)
  t.match(text, /\| TTFT +\| 0\.50× \[0\.40–0\.61\] \|/)
  t.match(text, /A note\./)
  t.notMatch(text, /1234|threads/)
})

t.test('the summary has the figures too where they are what is aimed at', async (t) => {
  const { result } = await run(['report'], `formatSummary(${JSON.stringify({ ...report, absolute: true })})`)
  t.match(result, /\| load to ready, ms \| 1234 \|[\s\S]+\| TTFT +\| 0\.50× \[0\.40–0\.61\] \|/)
})

t.test('both say when their figures are worth little', async (t) => {
  const poor = { ...report, workload: { ...report.workload, pairs: 2 }, foreign: { median: 0.3, max: 0.4 } }
  for (const format of ['formatReport', 'formatSummary']) {
    const { result } = await run(['report'], `${format}(${JSON.stringify(poor)})`)
    t.match(result, /Not to be quoted: fewer than 7 pairs\.\nNot to be quoted: the machine was busy/)
  }
})

t.test('alone there are no ratios', async (t) => {
  const alone = { ...report, sides: report.sides.slice(0, 1), ratios: [] }
  for (const format of ['formatReport', 'formatSummary']) {
    const text = String((await run(['report'], `${format}(${JSON.stringify(alone)})`)).result)
    t.match(text, /\| TTFT, ms +\| +50\.0 \|/)
    t.notMatch(text, /\| ratio|pairs of|theirs/)
  }
})
