import t, { type Test } from 'tap'
import { loadAddon } from '#lib/addon/load.js'
import { checkMatch } from '#lib/addon/match.js'
import type { Addon, Boundary, EngineConfig, EngineEvent, JobEvent, Jobs, NativeTimings } from '#lib/engine/boundary.js'
import { boundary, type FieldsOf } from '#lib/engine/fields.js'
import { tiny } from '../llm/fixtures.js'
import { params, scriptedConfig } from './scripted.js'

const addon = loadAddon()
const info = addon.buildInfo()
const noEvents = () => {}
const { structures, events } = boundary as Boundary

t.test('both sides know the same structures, events, jobs and names', async (t) => {
  t.same(info.boundary, boundary)
})

t.test('a table with a missing, unknown or wrong field does not compile', async (t) => {
  const { queued: _, ...rest } = structures['NativeTimings'] as FieldsOf<NativeTimings>
  // @ts-expect-error a field is missing
  const missing: FieldsOf<NativeTimings> = rest
  // @ts-expect-error a field is unknown
  const unknown: FieldsOf<NativeTimings> = { ...rest, queued: 'number', more: 'number' }
  // @ts-expect-error a field has another type
  const wrong: FieldsOf<NativeTimings> = { ...rest, queued: 'string' }
  t.same(
    [missing, unknown, wrong].map((table) => Object.keys(table).length),
    [6, 8, 7],
  )
})

t.test('an addon of another version, or with a difference in any table, is refused with its name', async (t) => {
  const refused = (changed: object, message: RegExp) => {
    t.throws(() => checkMatch({ ...addon, buildInfo: () => ({ ...info, ...changed }) }, { remedy: 'npm run build' }), {
      code: 'ERR_ADDON_MISMATCH',
      message,
    })
  }
  checkMatch(addon, { remedy: '' })
  refused({ version: '0.0.1' }, /version 0\.0\.1.*npm run build/)
  refused({ boundary: undefined }, /boundary: expected .*, found nothing/)
  const changes: [(theirs: Boundary) => unknown, RegExp][] = [
    [
      ({ structures }) => delete structures['ReadyInfo'],
      /structures\.ReadyInfo: expected a structure of 20 fields, found nothing/,
    ],
    [
      ({ structures }) => delete structures['EngineConfig']?.['device'],
      /EngineConfig\.device: expected "DeviceFeatures", found nothing/,
    ],
    [
      ({ structures }) => Object.assign(structures['KvCache'] ?? {}, { more: 'int' }),
      /KvCache\.more: expected nothing, found "int"/,
    ],
    [({ events }) => delete events['reopened'], /events\.reopened/],
    [
      ({ events }) => Object.assign(events['tokens'] ?? {}, { id: 'string' }),
      /tokens\.id: expected "number", found "string"/,
    ],
    [({ jobArguments }) => delete jobArguments['check']?.['lengths'], /jobArguments\.check\.lengths/],
    [({ jobResults }) => Object.assign(jobResults, { devices: 'NativeDevice' }), /jobResults\.devices/],
    [({ names }) => Object.assign(names, { Stage: ['read'] }), /names\.Stage/],
    [
      ({ names }) => Object.assign(names, { ErrorCode: ['ERR_OTHER'] }),
      /names\.ErrorCode: expected \[\], found \["ERR_OTHER"\]/,
    ],
  ]
  for (const [change, message] of changes) {
    const theirs = structuredClone(info.boundary)
    change(theirs)
    refused({ boundary: theirs }, message)
  }
})

t.test('an addon that lacks a function, or whose engine lacks a method, is refused', async (t) => {
  const { atExit: _, ...less } = addon
  const refused = (other: object, message: RegExp) =>
    t.throws(() => checkMatch(other as Addon, { remedy: '' }), { code: 'ERR_ADDON_MISMATCH', message })
  refused(less, /functions\.addon\.atExit: expected true, found nothing/)
  refused({ ...addon, Engine: class {} }, /functions\.Engine\.submit/)
})

t.test('a code of ours that the addon does not know yet needs no other addon', async () => {
  const ErrorCode = boundary.names.ErrorCode.slice(0, -1)
  const theirs = { ...info.boundary, names: { ...info.boundary.names, ErrorCode } }
  checkMatch({ ...addon, buildInfo: () => ({ ...info, boundary: theirs }) }, { remedy: '' })
})

/** Complains of each field of `value` that the table does not describe so, and of each that is missing. */
function compare(t: Test, value: unknown, type: string, path: string): void {
  const list = /^(.*)\[\]$/.exec(type)?.[1]
  const record = /^Record<string, (.*)>$/.exec(type)?.[1]
  const table = structures[type]
  if (list !== undefined) {
    for (const [i, one] of (value as unknown[]).entries()) compare(t, one, list, `${path}[${i}]`)
  } else if (record !== undefined) {
    for (const [name, one] of Object.entries(value as object)) compare(t, one, record, `${path}.${name}`)
  } else if (table) {
    compareFields(t, value as object, table, path)
  } else if (type in boundary.names) {
    t.ok((boundary as Boundary).names[type]?.includes(value as string), `${path} is a ${type}`)
  } else if (type === 'Int32Array') {
    t.ok(value instanceof Int32Array, path)
  } else {
    t.type(value, type === 'int' ? 'number' : type, path)
  }
}

function compareFields(t: Test, value: object, table: Record<string, string>, path: string): void {
  t.same(Object.keys(value).sort(), Object.keys(table).sort(), path)
  for (const [name, one] of Object.entries(value)) compare(t, one, table[name] ?? '', `${path}.${name}`)
}

function compareEvent(t: Test, event: EngineEvent | JobEvent): void {
  const { type, ...fields } = event
  if (type !== 'done') compareFields(t, fields, events[type] ?? {}, type)
}

t.test('what an engine sends is what the tables say', async (t) => {
  const seen = new Set<string>()
  await new Promise<void>((resolve) => {
    // Its third step fails; the request that follows succeeds.
    const engine = new addon.Engine(scriptedConfig({ failAt: 3, failCount: 1 }), (list) => {
      for (const event of list) {
        compareEvent(t, event)
        seen.add(event.type)
        if (event.type === 'ready') engine.submit([1], Int32Array.of(1), params({ maxNewTokens: 8 }))
        if (event.type === 'failed') engine.submit([2], Int32Array.of(1), params({ maxNewTokens: 2 }))
        if (event.type === 'finished') {
          compare(t, engine.metrics(), 'NativeMetrics', 'metrics')
          engine.close()
        }
        if (event.type === 'closed') resolve()
      }
    })
  })
  t.strictSame([...seen].sort(), ['closed', 'failed', 'finished', 'progress', 'ready', 'tokens'])
})

const noMends = {
  ropeFactors: [] as number[],
  ropeMagnitude: 1,
  localRopeBase: 0,
  unrotatedLayers: new Int32Array(),
  attentionMask: '',
} as const

t.test('what a job sends is what the tables say', async (t) => {
  const modelPath = `${tiny('tiny-llama')}/openvino_model.xml`
  const run = <K extends keyof Jobs>(kind: K, args: Jobs[K]['args']) =>
    new Promise<void>((resolve) => {
      new addon.Job(kind, args, (list) => {
        for (const event of list) {
          compareEvent(t, event)
          if (event.type === 'done') compare(t, event.result, boundary.jobResults[kind], kind)
          if (event.type === 'closed') resolve()
        }
      })
    })
  await run('inspect', { modelPath, device: 'CPU' })
  await run('devices', { plugin: 'CPU' })
  await run('check', { modelPath, device: scriptedConfig().device, contextLength: 64, lengths: Int32Array.of(4) })
  await run('convert', { source: '/nowhere.gguf', target: '/nowhere', ...noMends })
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
      { logprobs: -2 },
      { logprobs: 21 },
      { promptLogprobs: 21 },
      { promptLogprobsFrom: 0 },
      { grammar: { kind: 'gbnf', source: 'root ::= "a"' } as never },
      { grammar: { kind: '', source: 'a' } as never },
    ]) {
      t.throws(() => engine.submit([1], prompt, params(wrong)), JSON.stringify(wrong))
    }
    t.throws(() => engine.submit([1], prompt, params({ seed: -1 })), /seed/)
    t.throws(() => engine.submit([1], prompt, params({ grammar: { kind: 'regex', source: 'a' } })), /vocabulary before/)
    const vocabulary = {
      bytes: Uint8Array.of(97, 98),
      offsets: Uint32Array.of(0, 1, 2),
      special: Uint8Array.of(0, 0),
      endTokens: Int32Array.of(1),
    }
    for (const wrong of [
      { offsets: Uint32Array.of(0, 1) },
      { offsets: Uint32Array.of(0, 2, 1) },
      { offsets: Uint32Array.of(1, 1, 2) },
      { offsets: Uint32Array.of(0, 1, 3) },
      { offsets: Uint32Array.of(0), special: new Uint8Array(0) },
      { endTokens: Int32Array.of(2) },
      { endTokens: Int32Array.of(-1) },
    ]) {
      t.throws(() => engine.vocabulary({ ...vocabulary, ...wrong }), /not consistent/, JSON.stringify(wrong))
    }
    t.throws(() => engine.vocabulary({ ...vocabulary, bytes: [] as never }), /bytes to be of type Uint8Array/)
    engine.vocabulary(vocabulary)
    t.throws(() => engine.vocabulary(vocabulary), /has a vocabulary/)
    engine.submit([1], prompt, params())
    engine.cancel(99)
    t.throws(() => engine.cancel(undefined as never), /id/)
  })
  await closed
})

t.test('unknown jobs and wrong arguments are refused', async (t) => {
  t.throws(() => new addon.Job('dance' as 'devices', { plugin: '' }, noEvents), /unknown job dance/)
  t.throws(() => new addon.Job('inspect', {} as never, noEvents), /inspect\.modelPath/)
  t.throws(
    () => new addon.Job('devices', { plugin: '', more: 1 } as never, noEvents),
    /fields that the addon does not know/,
  )
  t.throws(() => new addon.Job('devices', 1 as never, noEvents), /devices to be an object/)
  t.throws(
    () =>
      new addon.Job(
        'check',
        { modelPath: '', device: scriptedConfig().device, contextLength: 1, lengths: new Int32Array() },
        noEvents,
      ),
    /lengths of at least 1/,
  )
  t.throws(() => new addon.Job('devices', { plugin: '' }, undefined as never), /onEvents/)
})
