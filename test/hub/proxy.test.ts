import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t from 'tap'
import { Downloading, repo } from './downloading.js'

t.test('requests go through the proxy of the environment, but for the hosts of NO_PROXY', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, { 'config.json': '{}' })
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
  const before = { ...process.env }
  t.teardown(() => {
    process.env = before
  })
  for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'NO_PROXY']) delete process.env[name]
  process.env.HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  await it.snapshot()
  t.same([...new Set(asked)], [it.hub.url.slice('http://'.length)])
  asked.length = 0
  process.env.NO_PROXY = '127.0.0.1'
  await it.snapshot()
  t.same(asked, [])
})
