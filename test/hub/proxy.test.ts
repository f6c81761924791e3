import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Server } from 'node:net'
import { join, resolve } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { HubClient } from '#lib/hub/client.js'
import { Downloading, repo } from './downloading.js'
import { noise } from './fake-hub.js'

const certificate = 'test/fixtures/hub/certificate.pem'
const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** A proxy that remembers what it was asked to connect to. */
async function startProxy(t: Test): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const proxy = createServer().on('connect', ({ url = '' }, socket, head) => {
    asked.push(url)
    const [host, port] = url.split(':')
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      target.write(head)
      target.pipe(socket).pipe(target)
    })
    for (const each of [socket, target]) each.on('error', () => undefined)
    socket.on('close', () => target.destroy())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => proxy.close())
  return { url: `http://127.0.0.1:${portOf(proxy)}`, asked }
}

/** Speaks TLS for a server that does not. @returns its address, and how often a connection failed */
async function withTls(t: Test, address: string): Promise<{ url: string; failed: () => number }> {
  const { hostname, port } = new URL(address)
  const options = { cert: readFileSync(certificate), key: readFileSync('test/fixtures/hub/key.pem') }
  const server = createTlsServer(options, (socket) => {
    const target = connect(Number(port), hostname)
    for (const each of [socket, target]) each.on('error', () => undefined)
    socket.on('close', () => target.destroy())
    target.on('close', () => socket.destroy())
    socket.pipe(target).pipe(socket)
  })
  // Whoever does not trust the certificate breaks off.
  let failed = 0
  server.on('tlsClientError', () => {
    failed++
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { url: `https://localhost:${portOf(server)}`, failed: () => failed }
}

/** Sets the proxy of HTTP for one test. */
function useProxy(t: Test, url: string): void {
  const before = { ...process.env }
  t.teardown(() => {
    process.env = before
  })
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'NO_PROXY']) delete process.env[name]
  process.env.HTTP_PROXY = url
}

t.test('requests go through the proxy of the environment, but for the hosts of NO_PROXY', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, { 'config.json': '{}' })
  const { url, asked } = await startProxy(t)
  useProxy(t, url)
  await it.snapshot()
  t.same([...new Set(asked)], [it.hub.url.slice('http://'.length)])
  asked.length = 0
  process.env.NO_PROXY = '127.0.0.1'
  await it.snapshot()
  t.same(asked, [])
})

t.test('what comes through a proxy is read in large pieces, too', async (t) => {
  const it = await Downloading.start(t)
  const weights = noise(9_000_000)
  const commit = it.hub.commit(repo, { 'openvino_model.bin': weights })
  const { url, asked } = await startProxy(t)
  useProxy(t, url)
  const client = new HubClient({ endpoint: new URL(it.hub.url), token: undefined })
  t.teardown(() => client.close())
  const { body } = await client.get(client.address(...repo.split('/'), 'resolve', commit, 'openvino_model.bin'))
  const pieces: Buffer[] = await body.toArray()
  t.equal(asked.length, 2, 'the hub, and where it redirects')
  t.ok(Buffer.concat(pieces).equals(weights))
  // Such memory is what large reads go into.
  t.ok(pieces.every(({ buffer }) => buffer.byteLength === 2 ** 20))
})

t.test('TLS, through the proxy and without it; a certificate that nobody trusts is refused', async (t) => {
  const it = await Downloading.start(t)
  const weights = noise(9_000_000)
  it.hub.commit(repo, { 'config.json': '{}', 'openvino_model.bin': weights })
  const { url: endpoint, failed } = await withTls(t, it.hub.url)
  it.hub.cdnUrl = (await withTls(t, it.hub.cdnUrl)).url
  const { url, asked } = await startProxy(t)
  const others = Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name))
  const download = async (cache: string, env: Record<string, string>) => {
    const cacheDir = join(it.cacheDir, cache)
    const child = fork(join(import.meta.dirname, 'snapshot-process.js'), [endpoint, cacheDir, repo], {
      env: { ...Object.fromEntries(others), ...env },
      silent: true,
    })
    let folder = ''
    let said = ''
    child.on('message', (message: { folder?: string }) => {
      folder = message.folder ?? folder
    })
    child.stderr?.on('data', (text) => {
      said += text
    })
    const [code] = await once(child, 'close')
    return { code, said, folder }
  }
  const trusted = { NODE_EXTRA_CA_CERTS: resolve(certificate) }
  const hosts = [endpoint, it.hub.cdnUrl].map((address) => address.slice('https://'.length))
  const proxied = await download('proxied', { ...trusted, HTTPS_PROXY: url })
  t.equal(proxied.code, 0, proxied.said)
  t.ok(readFileSync(join(proxied.folder, 'openvino_model.bin')).equals(weights))
  t.same(new Set(asked), new Set(hosts))
  asked.length = 0
  const direct = await download('direct', { ...trusted, HTTPS_PROXY: url, NO_PROXY: 'localhost' })
  t.equal(direct.code, 0, direct.said)
  t.ok(readFileSync(join(direct.folder, 'openvino_model.bin')).equals(weights))
  t.same(asked, [])
  it.hub.asked()
  const refused = await download('refused', {})
  t.equal(refused.code, 1)
  t.match(refused.said, /self.signed certificate; NODE_EXTRA_CA_CERTS names/)
  t.match(refused.said, 'ERR_NETWORK')
  t.ok(failed() <= 1, 'it is not tried again')
  t.same(it.hub.asked(), [], 'nothing was sent, no token either')
})
