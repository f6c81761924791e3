import t from 'tap'
import { parseMetrics } from '#page/metrics/prometheus.js'
import { MetricSeries } from '#page/metrics/series.js'
import { shapeOf, short } from '#page/metrics/shape.js'

t.test("Prometheus' text format", (t) => {
  const text = [
    '# HELP a Something {x="1"} 5',
    '# TYPE a counter',
    'a 5',
    'b{model="x y",route="/v1/{name}"} 1.5e3 1700000000',
    String.raw`c{quoted="a \"b\" \\ \n}"} +Inf`,
    'd NaN',
    '{broken',
    '',
  ].join('\n')
  t.same(parseMetrics(text.replace('+Inf', 'Infinity')), [
    { name: 'a', labels: {}, value: 5 },
    { name: 'b', labels: { model: 'x y', route: '/v1/{name}' }, value: 1500 },
    { name: 'c', labels: { quoted: 'a "b" \\ \n}' }, value: Number.POSITIVE_INFINITY },
  ])
  t.end()
})

const counted = (tokens: number, firstTokens: [sum: number, count: number], used: number) => `
openvino_llm_generated_tokens_total{model="a"} ${tokens}
openvino_llm_generated_tokens_total{model="b"} ${tokens}
openvino_llm_time_to_first_token_seconds_sum{model="a"} ${firstTokens[0]}
openvino_llm_time_to_first_token_seconds_count{model="a"} ${firstTokens[1]}
openvino_llm_kv_blocks{model="a"} 200
openvino_llm_kv_blocks_used{model="a"} ${used}
`

t.test('charts show what happened between two looks, over all models', (t) => {
  const metrics = new MetricSeries()
  const of = (title: string) => metrics.series.find((series) => series.title === title)?.values
  metrics.add(counted(100, [1, 2], 10), 0)
  t.same(of('Generated'), [], 'one look says nothing')
  metrics.add(counted(120, [1.5, 4], 50), 2000)
  metrics.add(counted(120, [1.5, 4], 0), 4000)
  t.same(of('Generated'), [20, 0])
  t.same(of('Time to first token'), [250, 250], 'where nothing was measured, the last value holds')
  t.same(of('KV cache in use'), [25, 0])
  metrics.add(counted(0, [0, 0], 0), 6000)
  t.same(of('Generated'), [20, 0, 0], 'a server that began anew has generated nothing less')
  for (let i = 4; i < 100; i++) metrics.add(counted(i, [0, 0], i), i * 2000)
  t.equal(of('KV cache in use')?.length, 60)
  t.end()
})

t.test('the lines of charts stay inside, and numbers are short', (t) => {
  t.same(shapeOf([]), { line: '', area: '' })
  t.same(shapeOf([0, 5, 10]), {
    line: 'M0.0 55.0L120.0 29.0L240.0 3.0',
    area: 'M0.0 55.0L120.0 29.0L240.0 3.0V56H0Z',
  })
  t.equal(shapeOf([50, 50], 100).line, 'M0.0 29.0L240.0 29.0')
  t.equal(shapeOf([0]).line, 'M0.0 55.0L240.0 55.0')
  const numbers: [number, string][] = [
    [0, '0'],
    [0.123, '0.12'],
    [12.34, '12.3'],
    [123.4, '123'],
    [1500, '1.50k'],
    [2e6, '2M'],
  ]
  for (const [number, text] of numbers) t.equal(short(number), text)
  t.end()
})
