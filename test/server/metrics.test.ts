import { readFileSync } from 'node:fs'
import t from 'tap'
import { createServer } from '#lib/server/index.js'
import { loadTiny } from '../llm/fixtures.js'
import { post } from './serving.js'

t.test('the numbers of the process and of each model, in memory or not', async (t) => {
  const server = createServer({ tiny: { load: () => loadTiny() }, other: { load: () => loadTiny() } })
  const ask = async () => await (await server.fetch(new Request('http://localhost/metrics'))).text()
  t.match(await ask(), 'openvino_llm_model_loaded{model="tiny"} 0')
  await post(server, '/v1/completions', { model: 'tiny', prompt: [10, 11], max_tokens: 2 })
  const metrics = await ask()
  for (const line of [
    /^openvino_llm_model_loaded\{model="tiny"\} 1$/m,
    /^openvino_llm_model_loaded\{model="other"\} 0$/m,
    /^openvino_llm_model_weights_bytes\{model="tiny"\} [1-9]\d+$/m,
    /^openvino_llm_healthy\{model="tiny"\} 1$/m,
    /^openvino_llm_steps\{model="tiny"\} [1-9]/m,
    /^process_resident_memory_bytes [1-9]\d+$/m,
    /^process_cpu_seconds_total [\d.]+$/m,
    /^openvino_llm_event_loop_delay_seconds\{quantile="0.99"\} [\d.e-]+$/m,
  ]) {
    t.match(metrics, line)
  }
  t.notMatch(metrics, /openvino_llm_steps\{model="other"\}/)

  const names = new Set([...metrics.matchAll(/^# TYPE (\w+)/gm)].map(([, name = '']) => name))
  const page = readFileSync('docs/server.md', 'utf8')
  t.same(
    [...names].filter((name) => !page.includes(`\`${name}\``)),
    [],
    'each has its line in the docs',
  )
  const dashboard = readFileSync('examples/grafana/dashboard.json', 'utf8')
  const used = new Set([...dashboard.matchAll(/\b(?:openvino_llm|process)_[a-z_]+/g)].map(([name]) => name))
  used.delete('openvino_llm')
  t.ok(used.size > 15)
  t.same(
    [...used].filter((name) => !names.has(name.replace(/_bucket$/, ''))),
    [],
    'the dashboard asks for what there is',
  )
  await server.close()
})
