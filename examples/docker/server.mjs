// POST a prompt as plain text to /generate; the answer streams back as plain text.
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { LLM, LLMError } from 'openvino-llm'

const llm = await LLM.load(process.env.MODEL ?? '/model')

const server = createServer(async (request, response) => {
  if (request.url === '/health') {
    response.end('ok\n')
    return
  }
  if (request.method !== 'POST' || request.url !== '/generate') {
    response.writeHead(404).end()
    return
  }
  // A client that goes away ends its request.
  const left = new AbortController()
  response.on('close', () => left.abort())
  try {
    const messages = [{ role: 'user', content: await text(request) }]
    for await (const part of llm.stream(messages, { maxNewTokens: 512, signal: left.signal })) response.write(part.text)
    response.end('\n')
  } catch (error) {
    if (left.signal.aborted) return
    const full = error instanceof LLMError && error.code === 'ERR_QUEUE_FULL'
    if (!response.headersSent) response.writeHead(full ? 503 : 500)
    response.end(`${error instanceof Error ? error.message : error}\n`)
  }
})
server.listen(Number(process.env.PORT ?? 8000), () => console.log('listening', server.address()))

// As process 1 of a container, Node does not end by itself on a signal.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    server.close()
    await llm.close()
    process.exit()
  })
}
