import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { serveTiny } from './serving.js'

t.test('many clients at once, some of which leave: no answer is lost or mixed up', async (t) => {
  await using served = await serveTiny()
  const { llm, server } = served
  const { url } = await server.listen({ port: 0 })
  const clients = 16
  const each = 6
  const prompts = Array.from({ length: 8 }, (_, i) => ({ tokens: [10 + i, 20 + 2 * i, 30 + 3 * i] }))
  const expected = await Promise.all(
    prompts.map(
      async (prompt) => (await llm.generate(prompt, { maxNewTokens: 12, temperature: 0, ignoreEos: true })).text,
    ),
  )
  const wrong: string[] = []
  let answered = 0
  const client = async (number: number) => {
    for (let i = 0; i < each; i++) {
      const at = (number + i) % prompts.length
      const leaves = (number + i) % 3 === 0
      const stream = (number + i) % 2 === 0
      const abort = new AbortController()
      const response = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        signal: abort.signal,
        body: JSON.stringify({
          prompt: prompts[at]?.tokens,
          max_tokens: leaves ? 200 : 12,
          temperature: 0,
          ignore_eos: true,
          stream: stream || leaves,
        }),
      })
      if (leaves) {
        const reader = (response.body as ReadableStream<Uint8Array>).getReader()
        await reader.read()
        abort.abort()
        continue
      }
      const text = stream ? textOfEvents(await response.text()) : textOfChoices(await response.json())
      answered++
      if (text !== expected[at]) wrong.push(`${number}.${i}: ${text}`)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  t.same(wrong, [])
  t.equal(answered, clients * each - leaving(clients, each))
  await server.close({ deadline: 2 ** 31 - 1 })
  // An answer that is cancelled ends at once for its caller, and in the engine before a later request is answered.
  await llm.generate({ tokens: [1] }, { maxNewTokens: 1 })
  t.match(llm.metrics(), { activeRequests: 0, running: 0, waiting: 0 })
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

/** Requests of {@link client} that leave. */
function leaving(clients: number, each: number): number {
  const all = Array.from({ length: clients * each }, (_, i) => Math.floor(i / each) + (i % each))
  return all.filter((sum) => sum % 3 === 0).length
}

function textOfChoices(body: unknown): string {
  return (body as { choices: { text: string }[] }).choices[0]?.text ?? ''
}

function textOfEvents(events: string): string {
  return events
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => textOfChoices(JSON.parse(event.slice(6))))
    .join('')
}
