import t from 'tap'
import { node } from './script.js'

interface Ran {
  result: unknown
  error?: string
}

/** What an expression gives with the exports of these modules of scripts/bench/ in scope. */
async function run(modules: string[], expression: string): Promise<Ran> {
  const names = modules.map((name) => `...(await import('./scripts/bench/${name}.mjs'))`).join(', ')
  const program = `
    const scope = { ${names} }
    const evaluate = new Function(...Object.keys(scope), ${JSON.stringify(`return ${expression}`)})
    try {
      console.log(JSON.stringify({ result: evaluate(...Object.values(scope)) }))
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }))
    }`
  const { code, stdout, stderr } = await node(['--input-type=module', '-e', program], {})
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Ran
}

const defaults = { prompt: 512, newTokens: 128, pairs: 7, peer: true, json: false, help: false }
const accepted: [string[], object][] = [
  [[], defaults],
  [['--quick'], { ...defaults, pairs: 2 }],
  [['--pairs', '9', '--json'], { ...defaults, pairs: 9, json: true }],
  [
    ['--prompt=64', '--new', '2', '--threads', '3', '--no-peer'],
    { ...defaults, prompt: 64, newTokens: 2, threads: 3, peer: false },
  ],
  [['-h'], { ...defaults, help: true }],
]
for (const [args, expected] of accepted) {
  t.test(`arguments: ${args.join(' ') || 'none'}`, async (t) => {
    t.strictSame((await run(['arguments'], `parseArguments(${JSON.stringify(args)})`)).result, expected)
  })
}

const refused: [string[], RegExp][] = [
  [['--prompt', '0'], /^--prompt: expected an integer from 1 to 1000000, found '0'\.$/],
  [['--new', '1'], /^--new: expected an integer from 2 .+ found '1'\.$/],
  [['--pairs', '1e3'], /^--pairs: .+ found '1e3'\.$/],
  [['--threads', '99999999'], /^--threads: .+ found '99999999'\.$/],
  [['--quick', '--pairs', '3'], /^--quick is 2 pairs/],
  [['--tokens', '3'], /'--tokens'[\s\S]+npm run bench/],
  [['3'], /'3'[\s\S]+npm run bench/],
]
for (const [args, message] of refused) {
  t.test(`refused arguments: ${args.join(' ')}`, async (t) => {
    t.match((await run(['arguments'], `parseArguments(${JSON.stringify(args)})`)).error, message)
  })
}

t.test('a refused argument ends the bench with its line alone', async (t) => {
  const { code, stdout, stderr } = await node(['scripts/bench.mjs', '--new', 'x'], {})
  t.same({ code, stdout }, { code: 1, stdout: '' })
  t.equal(stderr, "--new: expected an integer from 2 to 1000000, found 'x'.\n")
})

t.test('quantiles are interpolated and leave the order of what they are given', async (t) => {
  const program =
    '((values) => [quantile(values, 0), median(values), quantile(values, 0.75), quantile(values, 1), values])'
  const { result } = await run(['statistics'], `${program}([30, 10, 100, 20])`)
  t.same(result, [10, 25, 47.5, 100, [30, 10, 100, 20]])
  t.match((await run(['statistics'], 'median([])')).error, /at least one/)
})

t.test('tokens that arrive together share the time since the arrival before', async (t) => {
  const arrivals = '[{ at: 150, count: 2 }, { at: 160, count: 1 }, { at: 190, count: 3 }]'
  t.strictSame((await run(['statistics'], `requestTimes(100, ${arrivals})`)).result, {
    ttft: 50,
    intervals: [10, 10, 10, 10],
  })
  t.match((await run(['statistics'], 'requestTimes(100, [])')).error, /at least one token/)
})

/** A segment whose requests take this long to the first token and 10 ms for each of the four others, the last 50 ms. */
function segment(load: number, ttfts: number[], rest: object = {}) {
  const requests = ttfts.map((ttft) => ({ ttft, intervals: [10, 10, 10, 50] }))
  return { load, requests, memory: { anonymous: 3e6, file: 5e6 }, loop: { p50: 0, p99: 1, max: 7 }, ...rest }
}

t.test('the first request of a segment counts only as the first after the load', async (t) => {
  const { result } = await run(['statistics'], `summarize(${JSON.stringify(segment(300, [9000, 400, 100, 200]))}, 100)`)
  t.strictSame(result, {
    load: 300,
    firstTtft: 9000,
    ttft: 200,
    tpotP50: 10,
    tpotP95: 50,
    decodeRate: 50,
    prefillRate: 500,
    totalRate: 375,
    anonymous: 3,
    file: 5,
    loopP50: 0,
    loopP99: 1,
    loopMax: 7,
  })
})

t.test('a side is the median of its segments, of a maximum the greatest', async (t) => {
  const values = [
    { load: 1, loopMax: 2 },
    { load: 5, loopMax: 90 },
    { load: 2, loopMax: 3 },
  ]
  t.strictSame((await run(['statistics'], `overall(${JSON.stringify(values)})`)).result, { load: 2, loopMax: 90 })
})

t.test('ratios are taken pair by pair, and only of what was measured on both sides', async (t) => {
  // Twice as slow a machine in the second pair: the ratio is the same.
  const ours = [
    { ttft: 100, load: 3, loopP50: 0, anonymous: 4 },
    { ttft: 200, load: 1, loopP50: 1, anonymous: 4 },
  ]
  const theirs = [
    { ttft: 400, load: 1, loopP50: 1 },
    { ttft: 800, load: 1, loopP50: 0 },
  ]
  t.strictSame((await run(['statistics'], `ratios(${JSON.stringify(ours)}, ${JSON.stringify(theirs)})`)).result, {
    load: { median: 2, min: 1, max: 3 },
    ttft: { median: 0.25, min: 0.25, max: 0.25 },
  })
  t.match((await run(['statistics'], 'ratios([{}], [])')).error, /expected pairs/)
})

t.test('the sides take turns in going first', async (t) => {
  t.same((await run(['segments'], "interleave(['A', 'B'], 3).join('')")).result, 'ABBAAB')
  t.same((await run(['segments'], "interleave(['A'], 2).join('')")).result, 'AA')
})

t.test('CPU flags are whole words; a system without the line has none to tell', async (t) => {
  const cpuinfo = 'processor\t: 0\nflags\t\t: fpu avx avx2 avx512_vnni_extra avx_vnni\nbugs\t\t: amx_int8\n'
  t.strictSame((await run(['machine'], `cpuFlags(${JSON.stringify(cpuinfo)})`)).result, {
    avx2: true,
    avx_vnni: true,
    avx512_vnni: false,
    avx512_bf16: false,
    amx_int8: false,
  })
  t.equal((await run(['machine'], "cpuFlags('Features : asimd') ?? 'none'")).result, 'none')
})

t.test('resident memory is split, or unknown', async (t) => {
  const status = 'Name:\tnode\nVmRSS:\t 30 kB\nRssAnon:\t      20 kB\nRssFile:\t      10 kB\n'
  const { result } = await run(['machine'], `residentMemory(${JSON.stringify(status)})`)
  t.strictSame(result, { anonymous: 20480, file: 10240 })
  t.equal((await run(['machine'], "residentMemory('') ?? 'unknown'")).result, 'unknown')
})

t.test('the share of other programs leaves out our own time and stays a share', async (t) => {
  const share = (own: number) => `foreignShare({ busy: 100, total: 1000 }, { busy: 700, total: 2000 }, ${own})`
  t.equal((await run(['machine'], share(400))).result, 0.2)
  t.equal((await run(['machine'], share(900))).result, 0)
  t.equal((await run(['machine'], 'foreignShare({ busy: 1, total: 1 }, { busy: 1, total: 1 }, 0)')).result, 0)
})

t.test('numbers have three digits that count', async (t) => {
  const { result } = await run(
    ['report'],
    '[0, 0.123, 9.994, 9.996, 99.94, 99.96, 12345.6, NaN, undefined].map(formatNumber)',
  )
  t.same(result, ['0.00', '0.12', '9.99', '10.0', '99.9', '100', '12346', 'n/a', 'n/a'])
})

const side = (name: string, values: object) => ({
  name,
  version: '1.0',
  settings: { threads: '2' },
  values,
  segments: [],
})
const report = {
  date: '2030-01-02T03:04:05.000Z',
  machine: { cpu: 'A CPU', platform: 'linux-x64', flags: { avx2: true, amx_int8: false }, cores: 2, node: '20.19.0' },
  model: 'A model',
  workload: { prompt: 16, newTokens: 8, pairs: 7, requests: 3, threads: 2 },
  foreign: { median: 0.01, max: 0.123 },
  sides: [side('ours', { ttft: 50, load: 1234 }), side('theirs', { ttft: 100 })],
  ratios: { ttft: { median: 0.5, min: 0.4, max: 0.61 } },
}

t.test('the report is a Markdown table with equal columns', async (t) => {
  const text = String((await run(['report'], `formatReport(${JSON.stringify(report)})`)).result)
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  t.equal(rows.length, 15)
  t.equal(new Set(rows.map((row) => row.length)).size, 1, 'all rows are equally long')
  const cells = (start: string) =>
    rows
      .find((row) => row.startsWith(`| ${start}`))
      ?.split('|')
      .map((cell) => cell.trim())
  t.same(
    rows[0]
      ?.split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
    ['', 'ours', 'theirs', 'ratio', 'range', 'better'],
  )
  t.same(cells('TTFT')?.slice(1, -1), ['TTFT, ms', '50.0', '100', '0.50×', '0.40–0.61', 'lower'])
  t.same(cells('load')?.slice(1, -1), ['load to ready, ms', '1234', 'n/a', 'n/a', '', 'lower'])
  for (const words of [
    'A CPU (avx2, no amx_int8)',
    '2030-01-02',
    'used 1.0 % of it (12 % in the worst',
    'theirs 1.0: threads 2.',
  ])
    t.ok(text.includes(words), words)
  t.notMatch(text, /Not to be quoted/)
})

t.test('the report says when its figures are worth little', async (t) => {
  const poor = { ...report, workload: { ...report.workload, pairs: 2 }, foreign: { median: 0.3, max: 0.4 } }
  const { result } = await run(['report'], `formatReport(${JSON.stringify(poor)})`)
  t.match(result, /Not to be quoted: fewer than 7 pairs\.\nNot to be quoted: the machine was busy/)
})

t.test('alone there are no ratios', async (t) => {
  const { result } = await run(
    ['report'],
    `formatReport(${JSON.stringify({ ...report, sides: report.sides.slice(0, 1), ratios: {} })})`,
  )
  t.notMatch(result, /ratio|pairs|theirs/i)
  t.match(result, /\| TTFT, ms +\| +50\.0 \| lower/)
})
