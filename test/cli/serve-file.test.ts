import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { parseKeys } from '#lib/cli/serve-file/keys.js'
import { parseServeFile } from '#lib/cli/serve-file/read.js'
import { tiny } from '../llm/fixtures.js'
import { main, Running } from './cli.js'

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex')

t.test('a serve.yaml says what createServer, listen and LLM.load take', async (t) => {
  const text = `
listen: { host: 0.0.0.0, port: 9000, tls: { cert: cert.pem, key: /etc/key.pem } }
apiKeyFile: keys.txt
maxModelBytes: 24.0e9
requestTimeout: 60000
models:
  phi:
    reference: ./phi
    aliases: [gpt-4o]
    unloadAfter: 600
    load: { device: CPU, contextLength: 4096, ovConfig: { NUM_STREAMS: 1 } }
    defaults: { temperature: 0.2 }
  hub: { reference: owner/name }
`
  const { models, ...file } = await parseServeFile(text, '/srv/serve.yaml')
  t.same(file, {
    file: '/srv/serve.yaml',
    listen: { host: '0.0.0.0', port: 9000, tls: { cert: resolve('/srv/cert.pem'), key: resolve('/etc/key.pem') } },
    apiKeyFile: resolve('/srv/keys.txt'),
    accessLog: false,
    server: { maxModelBytes: 24e9, requestTimeout: 60_000 },
  })
  t.match(models.get('phi'), { reference: resolve('/srv/phi'), aliases: ['gpt-4o'], defaults: { temperature: 0.2 } })
  t.same(models.get('hub'), { reference: 'owner/name' })
})

t.test('the example of the page on the server is right', async (t) => {
  const [, text = ''] = /```text\n(listen:[^`]+)```/.exec(readFileSync('docs/server.md', 'utf8')) ?? []
  t.same([...(await parseServeFile(text, 'serve.yaml')).models.keys()], ['phi', 'qwen'])
})

t.test('a serve.yaml that is wrong is refused by file and field', async (t) => {
  const one = 'models: { a: { reference: ./a } }\n'
  const bomb = `x: &a [1,1,1,1,1,1,1,1,1,1]\n${Array.from({ length: 9 }, (_, i) => `y${i}: &b${i} [${`*${i ? `b${i - 1}` : 'a'},`.repeat(10)}]`).join('\n')}\n`
  const wrong: [text: string, message: RegExp][] = [
    ['', /the file.* received null/],
    ['models: [a]', /expected models to be a plain object, received an array/],
    ['models: {}', /expected models to name at least one model/],
    ['maxN: 3', /expected models to name at least one model/],
    [`${one}model: x`, /unknown option model in the file; did you mean models/],
    [`${one}maxN: lots`, /expected maxN to be an integer from 1 to 64, received 'lots'/],
    [`${one}onError: x`, /unknown option onError/],
    [`${one}apiKeys: [secret secret]`, /unknown option apiKeys/],
    [`${one}listen: { hostt: x }`, /listen: unknown option hostt in listen; did you mean host/],
    [`${one}listen: { tls: { cert: a } }`, /expected listen\.tls to have cert and key/],
    ['models: { a: 5 }', /models\.a: expected models\.a to be an object, received 5/],
    ['models: { a: {} }', /expected models\.a to have a reference/],
    ['models: { a: { reference: ./a, load: { devise: CPU } } }', /models\.a\.load: unknown option devise/],
    ['models: { a: { reference: ./a, load: { onProgress: x } } }', /models\.a\.load: unknown option onProgress/],
    ['models: { a: { reference: ./a, load: { threads: 0 } } }', /models\.a\.load: expected threads to be/],
    ['models: { a: { reference: ./a, defaults: { temperature: -1 } } }', /models\.a\.defaults: expected temperature/],
    ['models: { a: { reference: ./a, __proto__: { x: 1 } } }', /models\.a: unknown option __proto__/],
    [`${one}${'#'.repeat(2 ** 20)}`, /expected at most \d+ bytes/],
    ['a: [', /expected YAML/],
    [bomb, /expected YAML \(.*alias/],
  ]
  for (const [text, message] of wrong) {
    const failure = await parseServeFile(text, 'serve.yaml')
      .then(() => undefined)
      .catch((error) => error)
    t.match(failure, { name: 'TypeError', message: /^serve\.yaml: / }, text.slice(0, 80))
    t.match(failure?.message, message)
  }
})

t.test('a file of keys has a hash a line, and errors do not show what stands there', async (t) => {
  const hash = hashOf('a long secret')
  t.same(parseKeys(`# who\n\nann ${hash}\nbatch  ${hash.toUpperCase()}  -5\r\n`, 'keys.txt'), [
    { name: 'ann', sha256: hash },
    { name: 'batch', sha256: hash.toUpperCase(), priority: -5 },
  ])
  const wrong: [string, RegExp][] = [
    ['', /keys\.txt: expected at least one key/],
    ['ann a-long-secret', /keys\.txt: line 1: expected a name, then the SHA-256/],
    [`ann ${hash} high`, /line 1: expected nothing behind the hash but a priority/],
    [`ann ${hash}\nann ${hash}`, /line 2: expected another name than ann/],
  ]
  for (const [text, message] of wrong) t.throws(() => parseKeys(text, 'keys.txt'), { name: 'TypeError', message })
  t.throws(() => parseKeys('ann a-long-secret', 'keys.txt'), { message: /^((?!a-long-secret).)*$/ })
})

t.test('serve loads the models of a file when they are asked for, and SIGHUP reads file and keys again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-serve-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const write = (models: string, key: string) => {
    writeFileSync(
      join(folder, 'serve.yaml'),
      `apiKeyFile: keys.txt\nmaxModelBytes: 10.0e9\naccessLog: true\nmodels: ${models}`,
    )
    writeFileSync(join(folder, 'keys.txt'), `ann ${hashOf(key)}\n`)
  }
  const model = JSON.stringify({ reference: tiny('tiny-llama-fp32'), aliases: ['other'] })
  write(`{ a: ${model} }`, 'the first secret')
  const running = new Running(process.execPath, [main, 'serve', join(folder, 'serve.yaml'), '--port', '0'], {
    OPENVINO_LLM_API_KEY: '',
  })
  t.teardown(() => running.child.kill('SIGKILL'))
  await running.until(({ stderr }) => stderr.includes('/v1\n'))
  const [, url] = /serving a at (\S+)/.exec(running.stderr) ?? []
  const ask = async (path: string, key: string, body?: object) => {
    const response = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${key}` },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
    return { status: response.status, body: await response.json() }
  }
  t.match(await ask('/models', 'the first secret'), { status: 200, body: { data: [{ id: 'a', loaded: false }] } })
  const asked = { model: 'other', prompt: [10], max_tokens: 1 }
  t.match(await ask('/completions', 'the first secret', asked), { status: 200, body: { model: 'a' } })
  t.match(await ask('/models', 'the first secret'), { body: { data: [{ id: 'a', loaded: true }] } })

  write(`{ b: ${model}, a: ${model.replace('other', 'another')} }`, 'the second secret')
  running.child.kill('SIGHUP')
  await running.until(({ stderr }) => stderr.includes('read again'))
  t.equal((await ask('/models', 'the first secret')).status, 401)
  t.match(await ask('/models', 'the second secret'), { status: 200, body: { data: [{ id: 'b' }, { id: 'a' }] } })

  writeFileSync(join(folder, 'serve.yaml'), 'models: {}')
  running.child.kill('SIGHUP')
  await running.until(({ stderr }) => stderr.includes('nothing has changed'))
  t.equal((await ask('/models', 'the second secret')).status, 200)
  running.child.kill('SIGTERM')
  t.match(await running.ended, { code: 143, stdout: /"key":"ann"/ })
})

t.test('a wrong file, and flags that it cannot have, are wrong usage', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-serve-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'serve.yaml')
  writeFileSync(file, 'models: { a: { reference: ./a, alias: x } }')
  const cases: [args: string[], stderr: RegExp][] = [
    [[file], /serve\.yaml: models\.a: unknown option alias/],
    [['--config', join(folder, 'none.yaml')], /ENOENT/],
    [[], /missing required argument 'model'/],
  ]
  for (const [args, stderr] of cases) {
    t.match(await new Running(process.execPath, [main, 'serve', ...args], {}).ended, { code: 2, stderr })
  }
  writeFileSync(file, 'models: { a: { reference: ./a } }')
  const withFlags = new Running(process.execPath, [main, 'serve', file, '--threads', '2'], {})
  t.match(await withFlags.ended, { code: 2, stderr: /options of loads are those of its models/ })
})

t.test('a certificate of the flags or of the file makes it speak HTTPS', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-serve-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [cert, key] = ['certificate', 'key'].map((name) => resolve(`test/fixtures/hub/${name}.pem`)) as [string, string]
  const file = join(folder, 'serve.yaml')
  const write = (listen: object) =>
    writeFileSync(file, JSON.stringify({ listen, models: { a: { reference: './absent' } } }))
  const status = async (url: string) => {
    const request = get(`${url}/models`, { ca: readFileSync(cert) })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode
  }
  for (const [listen, flags] of [
    [{ tls: { cert, key } }, []],
    [{}, ['--tls-cert', cert, '--tls-key', key]],
  ] as [object, string[]][]) {
    write(listen)
    const running = new Running(process.execPath, [main, 'serve', file, '--port', '0', ...flags], {})
    t.teardown(() => running.child.kill('SIGKILL'))
    await running.until(({ stderr }) => stderr.includes('/v1\n'))
    const [, url = ''] = /serving a at (https:\S+)/.exec(running.stderr) ?? []
    t.equal(await status(url), 200)
    running.child.kill('SIGTERM')
    await running.ended
  }
  for (const [flags, stderr] of [
    [['--tls-cert', cert], /give both --tls-cert and --tls-key/],
    [['--tls-cert', cert, '--tls-key', join(folder, 'none')], /ENOENT.*none/],
    [['--tls-cert', cert, '--tls-key', cert], /expected \S+ and \S+ to be a certificate and its private key/],
  ] as [string[], RegExp][]) {
    t.match(await new Running(process.execPath, [main, 'serve', file, ...flags], {}).ended, { code: 2, stderr })
  }
})

t.test('SIGHUP reads certificate and key again; what is wrong with them is said, and the old ones stay', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-serve-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const place = (from: string) => {
    for (const name of ['certificate', 'key'])
      copyFileSync(`test/fixtures/hub/${from}${name}.pem`, join(folder, `${name}.pem`))
  }
  const shown = async (url: string) => {
    const socket = connect({ port: Number(new URL(url).port), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN
  }
  const file = join(folder, 'serve.yaml')
  const tls = { cert: 'certificate.pem', key: 'key.pem' }
  const models = { a: { reference: './absent' } }
  const flags = ['--tls-cert', join(folder, tls.cert), '--tls-key', join(folder, tls.key)]
  for (const [listen, given] of [
    [{ tls }, []],
    [{}, flags],
  ] as [object, string[]][]) {
    place('')
    writeFileSync(file, JSON.stringify({ listen, models }))
    const running = new Running(process.execPath, [main, 'serve', file, '--port', '0', ...given], {})
    t.teardown(() => running.child.kill('SIGKILL'))
    await running.until(({ stderr }) => stderr.includes('/v1\n'))
    const [, url = ''] = /serving a at (https:\S+)/.exec(running.stderr) ?? []
    t.equal(await shown(url), 'openvino-llm test')

    writeFileSync(join(folder, 'key.pem'), 'no key')
    running.child.kill('SIGHUP')
    await running.until(({ stderr }) => stderr.includes('nothing has changed'))
    t.match(running.stderr, /nothing has changed: expected \S+certificate\.pem and \S+key\.pem to be a certificate/)
    t.equal(await shown(url), 'openvino-llm test')

    place('renewed-')
    running.child.kill('SIGHUP')
    await running.until(({ stderr }) => stderr.includes('read again'))
    t.match(running.stderr, /read again: \S+serve\.yaml, \S+certificate\.pem, \S+key\.pem\n/)
    t.equal(await shown(url), 'openvino-llm test, renewed')
    running.child.kill('SIGTERM')
    await running.ended
  }
})
