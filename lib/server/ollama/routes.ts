import type { Hono } from 'hono'
import type { Exchange } from '../exchange.js'
import type { ServedModels } from '../models.js'
import { apiVersion, running, show, tags } from './catalogue.js'
import { chat } from './chat.js'
import { generate } from './generate.js'

/** Adds Ollama's API to a server. */
export function addOllama<V extends { exchange: Exchange }>(app: Hono<{ Variables: V }>, models: ServedModels): void {
  app.get('/api/version', (c) => c.json({ version: apiVersion }))
  app.get('/api/tags', (c) => c.json(tags(models)))
  app.get('/api/ps', (c) => c.json(running(models)))
  app.post('/api/show', (c) => show(models, c.get('exchange')))
  app.post('/api/chat', (c) => chat(models, c.get('exchange')))
  app.post('/api/generate', (c) => generate(models, c.get('exchange')))
}
