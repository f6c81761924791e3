import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { cachedModel } from '#lib/model/gguf/cached-model.js'
import { fakeJob } from '../fake-job.js'
import { writeGguf } from '../gguf-writer.js'
import { tinyMetadata, tinyTensors } from '../tiny-gguf.js'

const good = writeGguf(tinyMetadata, tinyTensors)
const versions = { version: '1', openvino: '2' }

t.test('converts once; the key is file and versions', async (t) => {
  const root = t.testdir({ 'a.gguf': good, 'b.gguf': good })
  let conversions = 0
  const runJob = fakeJob(() => void conversions++)
  const load = async (name: string, more = versions) =>
    (await cachedModel(join(root, name), { root, runJob, versions: more })).folder
  utimesSync(join(root, 'a.gguf'), 1, 1)
  const first = await load('a.gguf')
  t.equal(await load('a.gguf'), first)
  t.equal(conversions, 1)
  t.not(await load('a.gguf', { ...versions, version: '9' }), first)
  t.not(await load('a.gguf', { ...versions, openvino: '9' }), first)
  utimesSync(join(root, 'a.gguf'), 2, 2)
  t.not(await load('a.gguf'), first)
  utimesSync(join(root, 'b.gguf'), 1, 1)
  t.equal(await load('b.gguf'), first, 'the name does not matter')
  const changed = Buffer.from(good)
  changed[changed.length - 1] = 1
  writeFileSync(join(root, 'b.gguf'), changed)
  utimesSync(join(root, 'b.gguf'), 1, 1)
  t.not(await load('b.gguf'), first, 'other weights')
  t.equal(conversions, 5)
})

t.test('a damaged conversion is made again', async (t) => {
  const root = t.testdir({ 'a.gguf': good })
  const load = () => cachedModel(join(root, 'a.gguf'), { root, runJob: fakeJob(), versions })
  const { folder, modelPath, weightsPath } = await load()
  rmSync(modelPath)
  t.ok(existsSync((await load()).modelPath))
  writeFileSync(weightsPath, '')
  t.equal((await load()).weightsBytes, 558629)
  t.strictSame(readdirSync(join(root, 'gguf')), [basename(folder)])
})

t.test('what dead processes left is removed, what living ones use is not', async (t) => {
  const root = t.testdir({ 'a.gguf': good })
  const load = () => cachedModel(join(root, 'a.gguf'), { root, runJob: fakeJob(), versions })
  let temporary = ''
  const runJob = fakeJob((target) => {
    temporary = basename(target)
  })
  const { folder } = await cachedModel(join(root, 'a.gguf'), { root, runJob, versions })
  const dead = spawnSync(process.execPath, ['-e', '']).pid
  const [, host = ''] = /\.tmp-\d+-([0-9a-f]{8})-[0-9a-f]{12}$/.exec(temporary) ?? []
  const left = (pid: number, on: string): string => `${basename(folder)}.tmp-${pid}-${on}-0123456789ab`
  const keep = [left(process.pid, host), left(dead, '00000000')]
  for (const name of [left(dead, host), `other.tmp-${dead}-${host}-0123456789ab`, ...keep])
    mkdirSync(join(root, 'gguf', name, 'x'), { recursive: true })
  rmSync(folder, { recursive: true })
  await load()
  t.strictSame(readdirSync(join(root, 'gguf')).sort(), [basename(folder), ...keep].sort())
})

t.test('several processes at once get the same folder', async (t) => {
  const root = t.testdir({ 'a.gguf': good })
  const script = fileURLToPath(new URL('./cache-process.js', import.meta.url))
  const next = async (child: ChildProcess): Promise<unknown> => {
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the process ended with ${code}`)))
    ended.catch(() => undefined)
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown]
    return message
  }
  const children = Array.from({ length: 4 }, () => fork(script, [join(root, 'a.gguf'), root], { stdio: 'inherit' }))
  t.strictSame(await Promise.all(children.map(next)), Array(4).fill('converting'))
  const folders = Promise.all(children.map(next))
  for (const child of children) child.send('go')
  t.equal(new Set(await folders).size, 1)
  t.equal(readdirSync(join(root, 'gguf')).length, 1)
})

t.test('a cache that cannot be written names the folder and the variable', async (t) => {
  const root = t.testdir({ 'a.gguf': good, file: 'x' })
  await t.rejects(cachedModel(join(root, 'a.gguf'), { root: join(root, 'file'), runJob: fakeJob(), versions }), {
    name: 'LLMError',
    code: 'ERR_CACHE',
    message: /file.*cannot be written.*OPENVINO_LLM_CACHE/,
  })
})
