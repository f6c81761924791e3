import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { main, Running } from '../cli/cli.js'
import { tiny } from '../llm/fixtures.js'

const nginx = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx'].find((path) => existsSync(path)) ?? ''
const skip =
  (nginx === '' || spawnSync(nginx, ['-v']).status !== 0) && 'it needs nginx, e.g. apt-get install nginx-light'

const asked = { model: 'tiny', prompt: [10, 11, 12], temperature: 0, ignore_eos: true }

t.test('three servers behind nginx, one of which is killed', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-nginx-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const servers = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const args = [main, 'serve', `tiny=${tiny('tiny-llama-fp32')}`, '--port', '0', '--no-page']
      const running = new Running(process.execPath, args, { OPENVINO_LLM_API_KEY: '' })
      t.teardown(async () => {
        running.child.kill('SIGKILL')
        await running.ended
      })
      await running.until(({ stderr }) => stderr.includes('/v1\n'))
      const [, address = ''] = /at http:\/\/(\S+)\/v1/.exec(running.stderr) ?? []
      return { running, address }
    }),
  )

  const socketPath = join(folder, 'socket')
  const site = servers.reduce(
    (text, { address }, i) => text.replace(`127.0.0.1:800${i + 1}`, address),
    readFileSync('examples/nginx/nginx.conf', 'utf8').replace('listen 8000', `listen unix:${socketPath}`),
  )
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
     events {} http { access_log off; ${temporary.join(' ')} ${site} }`,
  )
  const proxy = spawn(nginx, ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], {
    stdio: 'ignore',
  })
  t.teardown(async () => {
    const ended = proxy.exitCode === null ? once(proxy, 'exit') : undefined
    proxy.kill('SIGKILL')
    await ended
  })

  const ask = async (body: object): Promise<IncomingMessage> => {
    const headers = { 'content-type': 'application/json' }
    const sent = request({ socketPath, path: '/v1/completions', method: 'POST', headers })
    sent.end(JSON.stringify({ ...asked, ...body }))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return response
  }
  const read = async (response: IncomingMessage): Promise<string> => {
    let text = ''
    try {
      for await (const piece of response.setEncoding('utf8')) text += piece
    } catch {
      // Its server was killed.
    }
    return text
  }
  const whole = async () => {
    const response = await ask({ max_tokens: 8 })
    const { choices } = JSON.parse(await read(response)) as { choices?: { text: string }[] }
    return { status: response.statusCode, text: choices?.[0]?.text, from: response.headers['x-upstream'] }
  }
  // It listens as soon as it has made its socket.
  while (!existsSync(socketPath)) {
    if (proxy.exitCode !== null) throw new Error(readFileSync(join(folder, 'error.log'), 'utf8'))
    await new Promise(setImmediate)
  }
  const first = await whole()
  t.equal(first.status, 200)
  const before = await Promise.all(Array.from({ length: 12 }, whole))
  t.same(new Set(before.map(({ text }) => text)), new Set([first.text]))
  t.equal(new Set(before.map(({ from }) => from)).size, 3, 'all three answer')

  const streams = await Promise.all(Array.from({ length: 3 }, () => ask({ max_tokens: 240, stream: true })))
  const [killed] = servers
  killed?.running.child.kill('SIGKILL')
  // nginx does not know it yet.
  await killed?.running.ended
  const after = await Promise.all(Array.from({ length: 12 }, whole))
  t.same(
    after.map(({ status, text }) => [status, text]),
    Array(12).fill([200, first.text]),
    'no request is lost that had not begun',
  )
  t.notOk(after.some(({ from }) => String(from).endsWith(killed?.address ?? '')))
  for (const stream of streams) {
    const text = await read(stream)
    if (stream.headers['x-upstream'] !== killed?.address) t.match(text, /data: \[DONE\]\n\n$/, 'others go on')
  }
})
