// The models below /llm of an Express app: clients use http://127.0.0.1:3000/llm/v1.
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import { LLM } from 'openvino-llm'
import { createServer } from 'openvino-llm/server'

const models = createServer({ mine: await LLM.load(process.env.MODEL ?? './model') })

const app = express()
// Before anything that reads bodies: the models' server reads them itself.
app.use('/llm', getRequestListener(models.fetch, { overrideGlobalObjects: false }))
app.get('/', (_request, response) => response.send('my own page'))

const port = Number(process.env.PORT ?? 3000)
const listening = app.listen(port, '127.0.0.1', () => console.log('port:', listening.address().port))
