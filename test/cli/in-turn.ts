import { runCommandLine } from '#lib/cli/command-line.js'

// Started by runInTurn in cli.ts: runs the command lines that it is sent, and answers with what a process of each would have left.

const written = { stdout: '', stderr: '' }
for (const name of ['stdout', 'stderr'] as const) {
  const stream = process[name].setMaxListeners(0)
  stream.write = (chunk: unknown, ...rest: unknown[]) => {
    written[name] += chunk
    const done = rest.at(-1)
    if (typeof done === 'function') process.nextTick(done)
    return true
  }
}

process.on('message', async (args: string[]) => {
  Object.assign(written, { stdout: '', stderr: '' })
  process.exitCode = undefined
  await runCommandLine(args)
  process.send?.({ code: process.exitCode ?? 0, signal: null, ...written })
})
