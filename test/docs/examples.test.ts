import { copyFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { Running } from '../cli/cli.js'
import { tiny } from '../llm/fixtures.js'

// Inside this package, which finds itself by its name.
t.test('the service of examples/docker answers, says that it is well, and ends on a signal', async (t) => {
  const folder = t.testdir()
  copyFileSync('examples/docker/server.mjs', join(folder, 'server.mjs'))
  const env = { MODEL: tiny('tiny-llama'), PORT: '0' }
  const server = new Running(process.execPath, [resolve(folder, 'server.mjs')], env)
  t.teardown(() => server.child.kill('SIGKILL'))
  await server.until(({ stdout }) => /port: \d+/.test(stdout))
  const url = `http://127.0.0.1:${/port: (\d+)/.exec(server.stdout)?.[1]}`
  t.equal(await (await fetch(`${url}/health`)).text(), 'ok\n')
  const answer = await fetch(`${url}/generate`, { method: 'POST', body: 'Hello' })
  t.equal(answer.status, 200)
  t.match(await answer.text(), /\S[\s\S]*\n$/)
  t.equal((await fetch(`${url}/other`)).status, 404)
  server.child.kill('SIGTERM')
  t.match(await server.ended, { code: 0, stderr: '' })
})
