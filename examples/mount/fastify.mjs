// The models below /v1 of a Fastify app: clients use http://127.0.0.1:3000/v1.
import { getRequestListener } from '@hono/node-server'
import fastify from 'fastify'
import { LLM } from 'openvino-llm'
import { createServer } from 'openvino-llm/server'

const models = createServer({ mine: await LLM.load(process.env.MODEL ?? './model') })
const listener = getRequestListener(models.fetch, { overrideGlobalObjects: false })

const app = fastify()
app.get('/', async () => 'my own page')
app.register(async (scope) => {
  // The models' server reads bodies itself.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  scope.all('/v1/*', (request, reply) => {
    reply.hijack()
    listener(request.raw, reply.raw)
  })
})

await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' })
console.log('port:', app.server.address().port)
