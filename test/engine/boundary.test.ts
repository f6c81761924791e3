import t from 'tap'
import { check, loadAddon } from '#lib/addon/load.js'
import { type Addon, boundaryFields, type EngineConfig } from '#lib/engine/boundary.js'
import { params, scriptedConfig } from './scripted.js'

const addon = loadAddon()
const noEvents = () => {}

t.test('both sides know the same fields, in the same order', async (t) => {
  t.same(addon.buildInfo().fields, boundaryFields)
})

t.test('the TypeScript tables hold every field of their interfaces', async (t) => {
  const names = (fields: string[]) => fields.map((field) => field.split(':')[0]).sort()
  t.same(names(boundaryFields.EngineConfig), Object.keys(scriptedConfig()).sort())
  t.same(names(boundaryFields.DeviceFeatures), Object.keys(scriptedConfig().device).sort())
  t.same(names(boundaryFields.RequestParams), Object.keys(params()).sort())
})

t.test('an addon with another version or other fields is refused', async (t) => {
  const info = addon.buildInfo()
  const other = (changed: object) => ({ ...addon, buildInfo: () => ({ ...info, ...changed }) }) as Addon
  const place = { remedy: 'npm run build' }
  t.equal(check(addon, place), addon)
  t.throws(() => check(other({ version: '0.0.1' }), place), { code: 'ERR_ADDON_MISMATCH', message: /version 0\.0\.1/ })
  const fields = { ...info.fields, EngineConfig: info.fields['EngineConfig']?.slice(1) }
  t.throws(() => check(other({ fields }), place), { code: 'ERR_ADDON_MISMATCH', message: /other fields/ })
})

t.test('the addon refuses a field that is missing, unknown or of another type', async (t) => {
  const engine = (config: object) => () => new addon.Engine(config as EngineConfig, noEvents)
  for (const name of Object.keys(scriptedConfig())) {
    const { [name as keyof EngineConfig]: _, ...rest } = scriptedConfig()
    t.throws(engine(rest), { name: 'TypeError', message: new RegExp(`EngineConfig\\.${name} `) }, `without ${name}`)
    t.throws(engine({ ...scriptedConfig(), [name]: Symbol(name) }), { name: 'TypeError' }, `wrong ${name}`)
  }
  t.throws(engine({ ...scriptedConfig(), more: 1 }), /fields that the addon does not know/)
  t.throws(engine({ ...scriptedConfig(), prefillChunk: 0 }), /prefillChunk/)
  t.throws(engine({ ...scriptedConfig(), prefillChunk: 1.5 }), /prefillChunk/)
  t.throws(engine({ ...scriptedConfig(), prefillChunk: 2 ** 40 }), /prefillChunk/)
  t.throws(engine({ ...scriptedConfig(), runner: 'none' }), /runner to be/)
  const { device } = scriptedConfig()
  t.throws(engine({ ...scriptedConfig(), device: { ...device, name: 1 } }), /EngineConfig\.device\.name/)
  t.throws(engine({ ...scriptedConfig(), device: { ...device, more: 1 } }), /fields that the addon does not know/)
  t.throws(engine({ ...scriptedConfig(), device: { ...device, kvMemory: 'heap' } }), /kvMemory/)
  t.throws(engine({ ...scriptedConfig(), device: { ...device, kvBlockTokens: 0 } }), /kvBlockTokens/)
  t.throws(engine({ ...scriptedConfig(), script: Int32Array.of(32) }), /inside the vocabulary/)
  t.throws(() => new addon.Engine(scriptedConfig(), undefined as never), /onEvents/)
})

t.test('the addon refuses wrong requests and goes on', async (t) => {
  const closed = new Promise<void>((resolve) => {
    const engine = new addon.Engine(scriptedConfig(), (events) => {
      for (const event of events) {
        if (event.type === 'finished') engine.close()
        if (event.type === 'closed') resolve()
      }
    })
    const prompt = Int32Array.of(1)
    t.throws(() => engine.submit([0], prompt, params()), /id/)
    t.throws(() => engine.submit(1 as never, prompt, params()), /ids/)
    t.throws(() => engine.submit([], prompt, params()), /ids/)
    t.throws(() => engine.submit([1], [1] as never, params()), /prompt/)
    t.throws(() => engine.submit([1], new Float64Array(1) as never, params()), /prompt/)
    t.throws(() => engine.submit([1], prompt, {} as never), /maxNewTokens/)
    for (const wrong of [
      { maxNewTokens: -1 },
      { priority: Number.NaN },
      { lookupNgram: 3 },
      { lookupTokens: 65, lookupNgram: 3 },
      { temperature: -1 },
      { temperature: Number.NaN },
      { topK: -1 },
      { topP: 0 },
      { topP: 1.1 },
    ]) {
      t.throws(() => engine.submit([1], prompt, params(wrong)), JSON.stringify(wrong))
    }
    t.throws(() => engine.submit([1], prompt, params({ seed: -1 })), /seed/)
    engine.submit([1], prompt, params())
    engine.cancel(99)
    t.throws(() => engine.cancel(undefined as never), /id/)
  })
  await closed
})

t.test('unknown jobs and wrong arguments are refused', async (t) => {
  t.throws(() => new addon.Job('dance' as 'devices', { plugin: '' }, noEvents), /unknown job dance/)
  t.throws(() => new addon.Job('inspect', {} as never, noEvents), /inspect\.modelPath/)
  t.throws(() => new addon.Job('devices', { plugin: '' }, undefined as never), /onEvents/)
})
