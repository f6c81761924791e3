import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { GenerationOptions } from '#lib/index.js'
import { createServer, type ServedModel } from '#lib/server/index.js'
import { loadTiny } from '../llm/fixtures.js'
import { manyClients, nothingRuns } from '../server/many-clients.js'
import { user } from '../server/serving.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that JavaScript holds after a collection. What ended a moment ago may still be on its way out. */
async function heldBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const MB = 1 << 20

t.test('64 clients with 50 requests each, a third of which leave: none lost, none mixed up, memory flat', async (t) => {
  await using llm = await loadTiny()
  const round = async (each: number) => {
    const server = createServer({ tiny: llm })
    const { url } = await server.listen({ port: 0 })
    await manyClients(t, llm, url, { clients: 64, each })
    await server.close({ deadline: 2 ** 31 - 1 })
    await nothingRuns(t, llm)
    return await heldBytes()
  }
  const before = await round(5)
  const grown = (await round(50)) - before
  // It was 50 MB when each request was kept for ever.
  t.ok(grown < 20 * MB, `${(grown / MB).toFixed(1)} MB more than before`)
})

t.test('1,000 open streams: others are answered meanwhile, and memory comes back', async (t) => {
  const model = new Waiting()
  const server = createServer({ waiting: model as unknown as ServedModel })
  const { url } = await server.listen({ port: 0 })
  const before = await heldBytes()
  const body = JSON.stringify({ messages: [user('x')], stream: true })
  const open = async () => {
    const leave = new AbortController()
    const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, signal: leave.signal })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    return { leave, reader }
  }
  let streams = await Promise.all(Array.from({ length: 1000 }, open))
  t.equal(model.open, 1000)
  t.equal((await fetch(`${url}/v1/models`)).status, 200)
  // Half of them leave: the server notices each.
  const left = model.left(500)
  for (const { leave } of streams.slice(500)) leave.abort()
  await left
  t.equal(model.open, 500)
  model.release()
  const texts = await Promise.all(streams.slice(0, 500).map(async ({ reader }) => await rest(reader)))
  t.equal(texts.filter((text) => text.includes('the end') && text.endsWith('data: [DONE]\n\n')).length, 500)
  t.equal(model.open, 0)
  streams = []
  await server.close()
  const grown = (await heldBytes()) - before
  t.ok(grown < 20 * MB, `${(grown / MB).toFixed(1)} MB more than before`)
})

t.test(
  '500 connections of each kind that asks nothing whole: others are answered, and memory comes back',
  async (t) => {
    await using llm = await loadTiny()
    const server = createServer({ tiny: llm })
    const { url, port } = await server.listen({ port: 0, headTimeout: 500, bodyTimeout: 500 })
    const post = (length: number, text: string) =>
      `POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n${text}`
    const kinds: Record<string, { text: string; half?: boolean }> = {
      'a head that never ends': { text: 'GET /v1/models HTTP/1.1\r\nHost: loc' },
      'a body that never ends': { text: post(1_000_000, `{"prompt": "${'x'.repeat(10_000)}`) },
      'huge headers': { text: `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(100_000)}\r\n\r\n` },
      'broken JSON': { text: post(20_000, '['.repeat(20_000)) },
      'half a request on half a connection': { text: post(1000, '{"prompt'), half: true },
    }
    /** Resolves when the server has closed the connection. */
    const connection = async ({ text, half = false }: { text: string; half?: boolean }) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.on('error', () => {}).resume()
      const ended = new Promise<void>((resolve) => socket.once('end', resolve).once('close', () => resolve()))
      socket.write(text)
      if (half) socket.end()
      // A request that is whole is answered, and its connection stays.
      if (text.endsWith('[')) socket.once('data', () => socket.end())
      await ended
      socket.destroy()
    }
    const hostile = async (count: number) => {
      const all = Object.values(kinds).map((kind) => Promise.all(Array.from({ length: count }, () => connection(kind))))
      const asked = { method: 'POST', body: JSON.stringify({ prompt: [10], max_tokens: 1 }) }
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/v1/completions`, asked)))
      t.same(
        answers.map(({ status }) => status),
        Array(20).fill(200),
      )
      await Promise.all(answers.map((answer) => answer.text()))
      await Promise.all(all)
      return await heldBytes()
    }
    const before = await hostile(50)
    const grown = (await hostile(500)) - before
    t.ok(grown < 20 * MB, `${(grown / MB).toFixed(1)} MB more than before`)
    await server.close()
  },
)

async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for (let read = await reader.read(); !read.done; read = await reader.read())
    text += decoder.decode(read.value, { stream: true })
  return text
}

/** A model that says one word, and the rest when it is released. */
class Waiting {
  readonly info = { versions: {}, generationDefaults: {}, health: { state: 'healthy' } }
  open = 0
  release!: () => void
  readonly #released = new Promise<void>((resolve) => {
    this.release = resolve
  })
  #left = 0
  #awaited: { count: number; resolve(): void } | undefined

  /** Resolves when so many requests have been left. */
  left(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { count, resolve }
    })
  }

  stream(_prompt: unknown, { signal }: GenerationOptions) {
    this.open++
    const gone = new Promise<never>((_, reject) => {
      signal?.addEventListener('abort', () => {
        this.open--
        if (++this.#left === this.#awaited?.count) this.#awaited.resolve()
        reject(signal.reason)
      })
    })
    gone.catch(() => {})
    const answer = { text: 'the end', reasoningText: '', toolCalls: [], tokens: [1], finishReason: 'stop' }
    const usage = { promptTokens: 1, completionTokens: 1, totalTokens: 2, cachedTokens: 0, reasoningTokens: 0 }
    const timings = { timeToFirstToken: 1, queued: 0, timePerOutputToken: 0 }
    const ended = this.#released.then(() => {
      if (!signal?.aborted) this.open--
      return { ...answer, requestId: 'r', answers: [answer], usage, timings }
    })
    const result = Promise.race([ended, gone])
    result.catch(() => {})
    const part = { type: 'text', index: 0, tokens: [1], requestId: 'r' }
    return {
      requestId: 'r',
      result,
      async *[Symbol.asyncIterator]() {
        yield { ...part, text: 'begun, ' }
        await result
        yield { ...part, text: 'the end' }
      },
    }
  }
}
