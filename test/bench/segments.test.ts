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
  const cases = [
    ['openvino-genai', 'SIGINT'],
    ['openvino-genai', 'SIGTERM'],
    ['openvino-genai', 'SIGHUP'],
    // Its worker is a Node that has started it.
    ['xllamacpp', 'SIGINT'],
  ] as const
  for (const [side, signal] of cases) {
    const folder = t.testdir({})
    // As a runtime that computes: it does not listen to signals.
    fakeTool(
      folder,
      'python',
      `trap '' INT TERM HUP; sleep 1000 & echo $$ $! > ${folder}/started; mv ${folder}/started ${folder}/pids; wait`,
    )
    const setup = { label: 'a peer', side, runtime: join(folder, 'python'), task: { kind: 'server' } }
    const program = `(await import('./bench/segments.mjs')).runSegment(${JSON.stringify(setup)})`
    const bench = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const ended = once(bench, 'close')
    while (!existsSync(join(folder, 'pids'))) await pause(5)
    const peers = readFileSync(join(folder, 'pids'), 'utf8').trim().split(' ').map(Number)
    t.equal(peers.length, 2)
    bench.kill(signal)
    t.same(await ended, [null, signal])
    while (peers.some(runs)) await pause(5)
    t.pass(`${signal} ended ${side} and what it had started`)
  }
})

t.test('what a peer leaves behind when it ends runs on no longer', { skip }, async (t) => {
  const folder = t.testdir({})
  fakeTool(folder, 'python', `sleep 1000 & echo $! > ${folder}/pid`)
  const setup = { label: 'a peer', side: 'openvino-genai', runtime: join(folder, 'python') }
  const { error } = await run(['segments'], `runSegment(${JSON.stringify(setup)})`)
  t.match(error, /^a peer: its process ended with exit code 0/)
  const left = Number(readFileSync(join(folder, 'pid'), 'utf8'))
  while (runs(left)) await pause(5)
  t.pass('it was ended')
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
