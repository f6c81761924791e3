import t from 'tap'
import { tiny } from '../llm/fixtures.js'
import { main, Running } from './cli.js'

t.test('serve answers until it is told to stop, and lets go of everything', async (t) => {
  const args = [
    main,
    'serve',
    `a=${tiny('tiny-llama-fp32')}`,
    '--port',
    '0',
    '--access-log',
    '--api-key',
    'correct horse',
  ]
  const running = new Running(process.execPath, args, {})
  await running.until(({ stderr }) => stderr.includes('/v1\n'))
  const [, url] = /serving a at (\S+)/.exec(running.stderr) ?? []
  const ask = async (headers: Record<string, string>) => await fetch(`${url}/models`, { headers })
  t.equal((await ask({})).status, 401)
  const answer = await ask({ authorization: 'Bearer correct horse' })
  t.match(await answer.json(), { data: [{ id: 'a' }] })
  running.child.kill('SIGTERM')
  const { code, stdout } = await running.ended
  t.equal(code, 143)
  const log = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  t.match(log, [{ status: 401 }, { path: '/v1/models', status: 200, key: 'key 1' }])
})

t.test('serve refuses what is not safe or not clear', async (t) => {
  const model = tiny('tiny-llama-fp32')
  const open = new Running(process.execPath, [main, 'serve', model, '--host', '0.0.0.0', '--port', '0'], {
    OPENVINO_LLM_API_KEY: '',
  })
  t.match(await open.ended, { code: 1, stderr: /others can reach 0\.0\.0\.0/ })
  const twice = new Running(process.execPath, [main, 'serve', model, model, '--port', '0'], {})
  t.match(await twice.ended, { code: 2, stderr: /two models are called tiny-llama-fp32/ })
})
