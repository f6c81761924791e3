// The models below /llm of a Hono app: clients use http://127.0.0.1:3000/llm/v1.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { LLM } from 'openvino-llm'
import { createServer } from 'openvino-llm/server'

const models = createServer({ mine: await LLM.load(process.env.MODEL ?? './model') })

const app = new Hono()
app.get('/', (c) => c.text('my own page'))
app.mount('/llm', models.fetch)

const port = Number(process.env.PORT ?? 3000)
serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (address) => console.log('port:', address.port))
