import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { listDevices } from '#lib/devices/list.js'
import { probe } from '#lib/devices/probe.js'
import { devices } from '#lib/index.js'

/** A module that stands for the child process of a probe; it has the plugin in `plugin`. */
function child(folder: string, body: string): string {
  const path = join(folder, 'child.mjs')
  writeFileSync(path, `const plugin = process.argv[2]\n${body}\n`)
  return path
}
const device = (name: string) => ({ name, fullName: `the ${name}`, properties: {}, error: '' })

t.test('the devices of this machine come from another process', async (t) => {
  const found = await probe('')
  t.equal(found.kind, 'found')
  t.ok((await devices()).some(({ name, error }) => name === 'CPU' && error === ''))
  const cpu = await probe('CPU')
  t.match(cpu, { kind: 'found', devices: [{ name: 'CPU', error: '' }] })
})

t.test('a plugin that ends the process takes nobody down, and is named beside the others', async (t) => {
  const module = child(
    t.testdir({}),
    `if (plugin === '' || plugin === 'GPU') process.kill(process.pid, 'SIGSEGV')
     else process.send({ devices: [{ ...${JSON.stringify(device('X'))}, name: plugin }] }, () => process.exit(0))`,
  )
  t.same(await probe('GPU', { module }), { kind: 'died', how: 'ended with signal SIGSEGV' })
  t.same(
    (await listDevices({ module })).map(({ name, error }) => [name, error]),
    [
      ['CPU', ''],
      ['GPU', 'the process that asked it ended with signal SIGSEGV'],
      ['NPU', ''],
    ],
  )
})

t.test('a process that ends early, says nothing, or hangs', async (t) => {
  const folder = t.testdir({})
  t.same(await probe('', { module: child(folder, 'process.exit(3)') }), { kind: 'died', how: 'ended with code 3' })
  t.same(await probe('', { module: child(folder, 'process.disconnect()') }), { kind: 'died', how: 'ended with code 0' })
  const hanging = child(folder, 'setInterval(() => {}, 1000)')
  t.same(await probe('', { module: hanging, timeout: 200 }), { kind: 'died', how: 'gave no answer within 0.2 s' })
  const reason = new Error('enough')
  await t.rejects(probe('', { module: hanging, signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const waiting = probe('', { module: hanging, signal: controller.signal })
  controller.abort(reason)
  await t.rejects(waiting, reason)
})

t.test('what fails in this package is an error, not a finding', async (t) => {
  const error = { code: 'ERR_ADDON_NOT_FOUND', message: 'nothing there' }
  const module = child(t.testdir({}), `process.send({ error: ${JSON.stringify(error)} }, () => process.exit(0))`)
  await t.rejects(listDevices({ module }), error)
})
