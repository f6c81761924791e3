import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { fakeTool } from '../scripts/script.js'
import { run } from './modules.js'

const skip = process.platform === 'win32' ? 'the fake peer is a sh script' : false

t.test('the sides take turns in going first', async (t) => {
  t.same((await run(['segments'], "interleave(['A', 'B'], 3).join('')")).result, 'ABBAAB')
  t.same((await run(['segments'], "interleave(['A'], 2).join('')")).result, 'AA')
})

t.test('a bench that is stopped takes its peer with it', { skip }, async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const folder = t.testdir({})
    // As a runtime that computes: it does not listen to signals.
    fakeTool(
      folder,
      'python',
      `trap '' INT TERM HUP; echo $$ > ${folder}/started; mv ${folder}/started ${folder}/pid; exec sleep 1000`,
    )
    const setup = { label: 'a peer', side: 'openvino-genai', runtime: join(folder, 'python') }
    const program = `(await import('./bench/segments.mjs')).runSegment(${JSON.stringify(setup)})`
    const bench = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const ended = once(bench, 'close')
    while (!existsSync(join(folder, 'pid'))) await pause(5)
    const peer = Number(readFileSync(join(folder, 'pid'), 'utf8'))
    bench.kill(signal)
    t.same(await ended, [null, signal])
    while (runs(peer)) await pause(5)
    t.pass(`${signal} ended the peer`)
  }
})

/** Whether a process does more than wait for being buried. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
