import t from 'tap'
import type { LoadOptions, ModelWarning } from '#lib/index.js'
import { exact, goldenTiny, loadTiny } from './fixtures.js'

const golden = goldenTiny()
const greedy = { temperature: 0, ignoreEos: true } as const
const prompt = { tokens: [10, 20, 30] }
t.test('AUTO and HETERO on CPU give the ids of the CPU', async (t) => {
  const cases = golden['tiny-llama']?.cases ?? []
  const { prompt: tokens, greedy: expected } = cases[cases.length - 1] as (typeof cases)[number]
  for (const [device, ovConfig] of [
    ['AUTO', exact],
    ['AUTO:CPU', { ...exact, DEVICE_PROPERTIES: '{CPU:{INFERENCE_NUM_THREADS:1}}' }],
    ['HETERO:CPU', exact],
  ] as const) {
    await using llm = await loadTiny('tiny-llama-fp32', { device, ovConfig })
    const found = await llm.generate({ tokens }, { ...greedy, maxNewTokens: expected.length })
    t.same(found.tokens, expected, device)
    t.match(llm.info.devices.join(), /CPU/, device)
    if (device !== 'AUTO') t.match(llm.info, { device, deviceReason: '', runner: 'stateful' })
  }
})

t.test('AUTO says what it took and why', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { device: 'AUTO' })
  t.match(llm.info, { device: /^(CPU|GPU)/, deviceReason: /^option device AUTO: / })
})

t.test('unknown properties and devices are named, for virtual devices too', async (t) => {
  const load = (device: string, ovConfig: LoadOptions['ovConfig']) => loadTiny('tiny-llama-fp32', { device, ovConfig })
  for (const device of ['CPU', 'AUTO:CPU', 'HETERO:CPU']) {
    await t.rejects(load(device, { FOO: 1 }), {
      code: 'ERR_PROPERTY',
      message: /has no property FOO; it has .*NUM_STREAMS/,
    })
  }
  await t.rejects(load('AUTO:CPU', { DEVICE_PROPERTIES: '{CPU:{FOO:1}}' }), {
    code: 'ERR_PROPERTY',
    message: /CPU has no property FOO/,
  })
  await t.rejects(load('AUTO:CPU', { DEVICE_PROPERTIES: '{XPU:{NUM_STREAMS:1}}' }), {
    code: 'ERR_PROPERTY',
    message: /XPU/,
  })
  await t.rejects(load('CPU', { INFERENCE_PRECISION_HINT: 'f7' }), {
    code: 'ERR_PROPERTY',
    message: /INFERENCE_PRECISION_HINT/,
  })
  await t.rejects(load('GPU.7', {}), { code: 'ERR_DEVICE', message: /GPU\.7 is not present; OpenVINO sees .*CPU/ })
})

t.test('precision: what the device took is shown, and a warning says when it is another one', async (t) => {
  for (const precision of ['f32', 'bf16', 'f16', 'auto'] as const) {
    const warnings: ModelWarning[] = []
    await using llm = await loadTiny('tiny-llama-fp32', {
      ovConfig: {},
      precision,
      onWarning: (each) => warnings.push(each),
    })
    const { inference } = llm.info.precision
    const other = precision !== 'auto' && inference !== precision
    t.equal(warnings.filter(({ code }) => code === 'precision').length, other ? 1 : 0, `${precision} → ${inference}`)
    if (precision === 'f32') t.equal(inference, 'f32')
  }
  await t.rejects(loadTiny('tiny-llama-fp32', { precision: 'bf16' }), {
    name: 'TypeError',
    message: /precision and ovConfig\.INFERENCE_PRECISION_HINT to agree/,
  })
})

t.test('precision of the KV cache: what its tensors are made of', async (t) => {
  const f32 = { INFERENCE_PRECISION_HINT: 'f32' }
  for (const kvCachePrecision of ['u8', 'u4', 'f16', 'f32'] as const) {
    await using llm = await loadTiny('tiny-llama-fp32', { ovConfig: f32, kvCachePrecision })
    t.equal(llm.info.precision.kvCache, kvCachePrecision)
    t.equal(llm.info.kvCache.precision, kvCachePrecision)
    t.equal((await llm.generate(prompt, { ...greedy, maxNewTokens: 4 })).tokens.length, 4)
  }
  await using llm = await loadTiny('tiny-llama-fp32', { ovConfig: f32 })
  t.equal(llm.info.exporter['runtime_options/KV_CACHE_PRECISION'], 'f16')
  t.equal(llm.info.precision.kvCache, 'f16', "the model's own runtime options count where the caller asks for nothing")
  t.equal(llm.info.exporter['runtime_options/ACTIVATIONS_SCALE_FACTOR'], '8.0')
})

t.test('threads', async (t) => {
  await using one = await loadTiny('tiny-llama-fp32', { threads: 1 })
  t.equal(one.info.properties['INFERENCE_NUM_THREADS'], '1')
  await t.rejects(loadTiny('tiny-llama-fp32', { threads: 2, ovConfig: { INFERENCE_NUM_THREADS: 1 } }), {
    message: /threads and ovConfig\.INFERENCE_NUM_THREADS to agree/,
  })
  await t.rejects(loadTiny('tiny-llama-fp32', { threads: 2, reserveCore: true }), { message: /threads or reserveCore/ })
})
