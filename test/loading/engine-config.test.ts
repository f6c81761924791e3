import t from 'tap'
import { deviceFeatures } from '#lib/devices/features.js'
import { boundary } from '#lib/engine/fields.js'
import type { LoadOptions } from '#lib/index.js'
import { settleDevice } from '#lib/loading/device.js'
import { engineConfig, plainConfig } from '#lib/loading/engine-config.js'
import { readFolder } from '#lib/model/folder.js'
import { tiny } from '../llm/fixtures.js'

const definition = await readFolder(tiny('tiny-llama-fp32'))

async function configOf(options: LoadOptions, compiledFolder?: string) {
  const device = await settleDevice(options, definition, 1e9)
  const draft = options.draftModel === undefined ? undefined : definition
  return engineConfig(options, { definition, draft, device, runner: 'auto', free: 1e9, compiledFolder })
}

t.test('a plain configuration has every field of the boundary, and nothing else', async (t) => {
  t.same(Object.keys(plainConfig).sort(), Object.keys(boundary.structures.EngineConfig).sort())
})

t.test('on the CPU, with defaults', async (t) => {
  const { modelPath, contextLength } = definition
  t.match(await configOf({}), {
    runner: 'auto',
    modelPath,
    device: deviceFeatures('CPU'),
    gatherRows: true,
    prefillChunk: 256,
    maxSequences: 16,
    kvTokens: 4 * contextLength,
    maxPrompt: 0,
    draftModelPath: '',
    draftTokens: 0,
    cpuKernel: 'auto',
    cpuAttention: 'auto',
    activationSpan: 32,
    kernelChoices: [],
    packedPath: '',
  })
  t.same([...(await configOf({})).warmup], [1, 4, 16])
})

t.test('options replace defaults, and properties those of the device', async (t) => {
  const ovConfig = { PERFORMANCE_HINT: 'THROUGHPUT' }
  const options = {
    ovConfig,
    threads: 3,
    precision: 'f32',
    maxSequences: 2,
    contextLength: 10,
    kvCacheBytes: 5,
  } as const
  const config = await configOf(options)
  t.match(config, { activationSpan: 0, maxSequences: 2, kvBytes: 5, precisionFallback: [/SCALE_FACTOR/] })
  t.same(config.properties.sort(), [
    'INFERENCE_NUM_THREADS=3',
    'INFERENCE_PRECISION_HINT=f32',
    'PERFORMANCE_HINT=THROUGHPUT',
  ])
  t.match(await configOf({ draftModel: '/draft' }), { draftModelPath: definition.modelPath, draftTokens: 5 })
})

t.test('a device with static shapes: its lengths, whole prompts, and a folder for what is compiled', async (t) => {
  const config = await configOf({ device: 'NPU', maxPromptLength: 8, minResponseLength: 16 }, '/compiled')
  t.match(config, {
    device: deviceFeatures('NPU'),
    gatherRows: false,
    maxPrompt: 8,
    minResponse: 16,
    properties: ['CACHE_DIR=/compiled'],
  })
  t.ok(config.prefillChunk > 1e6)
  t.same([...config.warmup], [1, 4], 'sizes within the longest prompt')
})
