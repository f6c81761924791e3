import t from 'tap'
import { devices } from '#lib/index.js'
import { goldenTiny, loadTiny } from '../llm/fixtures.js'

const { prompt, greedy } = goldenTiny()['tiny-llama']?.cases.find(({ prompt }) => prompt.length === 20) ?? {}
const tokens = prompt as number[]
const options = { temperature: 0, ignoreEos: true, maxNewTokens: 8 } as const
const f32 = { INFERENCE_PRECISION_HINT: 'f32' }

t.test('the GPU is listed', async (t) => {
  const gpu = (await devices()).find(({ name }) => name === 'GPU')
  t.match(gpu, { error: '', properties: { DEVICE_TYPE: 'integrated', GPU_DEVICE_TOTAL_MEM_SIZE: /^\d{9,}$/ } })
})

t.test('every string that names it computes there, with the tokens of transformers', async (t) => {
  for (const [device, runner, executes] of [
    ['GPU', 'paged', /^GPU\.0$/],
    ['GPU.0', 'paged', /^GPU\.0$/],
    ['AUTO', 'paged', /^GPU/],
    ['AUTO:GPU,CPU', 'stateful', /GPU/],
    ['AUTO:GPU.0,CPU', 'stateful', /GPU/],
    ['HETERO:GPU.0,CPU', 'stateful', /GPU/],
  ] as const) {
    await using llm = await loadTiny('tiny-llama-fp32', {
      device,
      ovConfig: device.startsWith('HETERO') ? f32 : { ...f32, KV_CACHE_PRECISION: 'f32' },
    })
    t.match(llm.info, { runner, devices: [executes] }, device)
    t.same((await llm.generate({ tokens }, options)).tokens, greedy?.slice(0, 8), device)
  }
})

t.test('a number that it does not have is an error that lists those that it has', async (t) => {
  await t.rejects(loadTiny('tiny-llama-fp32', { device: 'GPU.1', ovConfig: f32 }), {
    code: 'ERR_DEVICE',
    message: 'device GPU.1 is not present; OpenVINO sees CPU, GPU.0',
  })
})
