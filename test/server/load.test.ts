import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { manyClients, nothingRuns } from './many-clients.js'
import { serveTiny } from './serving.js'

t.test('many clients at once, some of which leave: no answer is lost or mixed up', async (t) => {
  await using served = await serveTiny()
  const { url } = await served.server.listen({ port: 0 })
  await manyClients(t, served.llm, url, { clients: 16, each: 6 })
  await served.server.close({ deadline: 2 ** 31 - 1 })
  await nothingRuns(t, served.llm)
})

t.test('what is no HTTP, or ends too soon, harms nobody', async (t) => {
  await using served = await serveTiny()
  const { server } = served
  const { url, port } = await server.listen({ port: 0 })
  const raw = async (text: string, end: boolean) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(text)
    if (end) socket.end()
    return socket
  }
  const half = 'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"prompt": "x"'
  const sockets = [
    await raw('\0\x01\x02 no HTTP at all\r\n\r\n', true),
    await raw(half, true),
    await raw(half, false),
    await raw(`GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`, true),
    await raw('GET /v1/models HTTP/1.1\r\nHost: loc', false),
  ]
  const ask = async () => (await fetch(`${url}/v1/models`)).status
  t.same(await Promise.all(Array.from({ length: 20 }, ask)), Array(20).fill(200))
  // Closing does not wait for those that never finish their request.
  await server.close()
  for (const socket of sockets) socket.destroy()
})
