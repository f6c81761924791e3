import t from 'tap'
import { run } from './modules.js'

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
    loadToToken: 9300,
    ttft: 200,
    tpotP50: 10,
    tpotP95: 50,
    decodeRate: 50,
    prefillRate: 500,
    totalRate: 375,
    resident: 8,
    anonymous: 3,
    file: 5,
    loopP50: 0,
    loopP99: 1,
    loopMax: 7,
  })
})

t.test('a side without an event loop, on a system without split memory, has no such figures', async (t) => {
  const bare = { ...segment(300, [9000, 100]), memory: null, loop: undefined }
  const { result } = await run(['statistics'], `summarize(${JSON.stringify(bare)}, 100)`)
  t.match(result, { load: 300, ttft: 100 })
  for (const key of ['resident', 'anonymous', 'file', 'loopP50', 'loopP99', 'loopMax'])
    t.notOk(key in (result as object), key)
})

const runs = (...all: [start: number, arrivals: [number, number][]][]) =>
  JSON.stringify(all.map(([start, arrivals]) => ({ start, arrivals: arrivals.map(([at, count]) => ({ at, count })) })))

t.test('throughput counts all tokens, and those of the time when all streams decode', async (t) => {
  // Together from 200 (the second one's first token) to 400 (the first one's last): 3 + 4 tokens in 200 ms.
  const two = runs(
    [
      0,
      [
        [100, 1],
        [200, 1],
        [300, 2],
        [400, 1],
      ],
    ],
    [
      0,
      [
        [200, 1],
        [300, 2],
        [400, 2],
        [500, 1],
      ],
    ],
  )
  t.strictSame((await run(['throughput'], `throughput(${two})`)).result, { total: 22, decode: 35 })
})

t.test('streams that ran one after the other never decoded together', async (t) => {
  const { result } = await run(
    ['throughput'],
    `throughput(${runs(
      [
        0,
        [
          [100, 1],
          [200, 1],
        ],
      ],
      [
        0,
        [
          [300, 1],
          [400, 1],
        ],
      ],
    )})`,
  )
  t.strictSame(result, { total: 10 })
  t.match((await run(['throughput'], `throughput(${runs([0, []])})`)).error, /expected answers with tokens/)
})

t.test('ratios are taken pair by pair, and only of what was measured on both sides', async (t) => {
  // Twice as slow a machine in the second pair: the ratio is the same.
  t.strictSame((await run(['compare'], 'ratioOf([[100, 400], [200, 800]])')).result, {
    median: 0.25,
    min: 0.25,
    max: 0.25,
  })
  t.strictSame((await run(['compare'], 'ratioOf([[3, 1], [1, 1], [4, 2]])')).result, { median: 2, min: 1, max: 3 })
  for (const pairs of ['[]', '[[1, 0]]', '[[0, 1]]', '[[1, undefined]]', '[[1, 1], [undefined, 1]]']) {
    t.equal((await run(['compare'], `ratioOf(${pairs}) ?? 'none'`)).result, 'none', pairs)
  }
})

t.test('figures are medians, or the greatest; ratios go over sides and keys', async (t) => {
  const mode = {
    figures: [
      { key: 'ttft', name: 'TTFT, ms' },
      { key: 'max', name: 'max, ms', over: 'greatest' },
    ],
    quotients: [
      { row: 'TTFT', column: 'to b', over: ['a', 'ttft'], under: ['b', 'ttft'] },
      { row: 'max', column: 'to its TTFT', over: ['a', 'max'], under: ['a', 'ttft'] },
      { row: 'max', column: 'to b', over: ['a', 'max'], under: ['b', 'max'] },
      { row: 'TTFT', column: 'to c', over: ['a', 'ttft'], under: ['c', 'ttft'] },
    ],
  }
  const a = [
    { ttft: 10, max: 20 },
    { ttft: 30, max: 30 },
    { ttft: 20, max: 80 },
  ]
  const b = [{ ttft: 10 }, { ttft: 10 }, { ttft: 40 }]
  const segments = `new Map([['a', ${JSON.stringify(a)}], ['b', ${JSON.stringify(b)}]])`
  t.strictSame((await run(['compare'], `compare(${JSON.stringify(mode)}, ${segments})`)).result, {
    figures: [
      { name: 'TTFT, ms', values: { a: 20, b: 10 } },
      { name: 'max, ms', values: { a: 80 } },
    ],
    ratios: [
      { row: 'TTFT', column: 'to b', ratio: { median: 1, min: 0.5, max: 3 } },
      { row: 'max', column: 'to its TTFT', ratio: { median: 2, min: 1, max: 4 } },
      { row: 'max', column: 'to b' },
    ],
  })
})
