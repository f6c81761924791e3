import t from 'tap'
import { settleDevice } from '#lib/loading/device.js'
import { type LoadParts, onDevice, openFirst } from '#lib/loading/on-device.js'
import { reservations } from '#lib/memory/reservation.js'
import { readFolder } from '#lib/model/folder.js'
import { tiny } from '../llm/fixtures.js'

const definition = await readFolder(tiny('tiny-llama-fp32'))
/** A load of AUTO that has chosen a GPU which, it turns out, is not there. */
async function autoChoseGpu(options: LoadParts['options']) {
  const warnings: string[] = []
  const warn = (code: string, message: string) => void warnings.push(`${code}: ${message}`)
  const parts: LoadParts = { models: { definition, draft: undefined }, options, warn, memory: reservations }
  const gpu = { ...(await settleDevice({ device: 'GPU.99' }, definition, 0)), reason: 'option device AUTO: it fits' }
  return { parts, warnings, first: await onDevice(gpu, parts) }
}

t.test('AUTO goes on to the CPU, and says so', async (t) => {
  const { parts, warnings, first } = await autoChoseGpu({ device: 'AUTO' })
  const { device, engine, open } = await openFirst(first, parts)
  t.match(device, {
    name: 'CPU',
    reason: /^option device AUTO: it fits; but GPU\.99 could not open the model: .*GPU\.99/,
  })
  t.same(warnings, [`device: ${device.reason}`])
  t.same(engine.info.devices, ['CPU'])
  await engine.close()
  const again = await open(undefined)
  t.same(again.info.devices, ['CPU'], 'and is opened there later')
  await again.close()
})

t.test('a device that was named is not replaced, nor one after an abort', async (t) => {
  const named = await autoChoseGpu({ device: 'GPU.99' })
  await t.rejects(openFirst(named.first, named.parts), { code: 'ERR_DEVICE' })
  const signal = AbortSignal.abort(new Error('enough'))
  const aborted = await autoChoseGpu({ device: 'AUTO', signal })
  await t.rejects(openFirst(aborted.first, aborted.parts), { message: 'enough' })
  t.same([...named.warnings, ...aborted.warnings], [])
})
