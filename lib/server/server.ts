import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { matchedRoutes } from 'hono/route'
import * as check from '../options/rules.js'
import { countTokens, createMessage } from './anthropic/messages.js'
import { ApiError } from './api-error.js'
import { ApiKeys } from './api-keys.js'
import { bodyLimit } from './body-limit.js'
import { chatCompletions } from './chat-completions.js'
import { completions } from './completions.js'
import { Exchange, type Surroundings } from './exchange.js'
import { checkCertificate, type Listening, listen, type Renewable } from './listen.js'
import { ServerMetrics } from './metrics.js'
import { listModels, oneModel } from './model-list.js'
import { type Models, ServedModels } from './models.js'
import { addOllama } from './ollama/routes.js'
import {
  changeTable,
  type ListenOptions,
  listenTable,
  type ServerChange,
  type ServerOptions,
  serverDefaults,
  serverTable,
} from './options.js'
import { servePage } from './page.js'
import { createResponse, storedResponse } from './responses/responses.js'
import { ResponseStore } from './responses/store.js'
import { Running } from './running.js'
import { detokenize, tokenize, tokenizerInfo } from './tokens.js'
import { tracingOf } from './tracing.js'

/** A server of models in OpenAI's shapes. */
export interface Server {
  /** Answers one request: to be mounted in whatever speaks the web's Request and Response. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Listens for HTTP.
   * @throws TypeError for an address that is not safe, and the system's error, such as EADDRINUSE
   */
  listen(options?: ListenOptions): Promise<Listening>
  /**
   * Changes models, keys and the certificate while it runs.
   * @throws TypeError for what is wrong, and for an empty list of keys; nothing has changed then
   */
  update(change: ServerChange): void
  /**
   * Refuses new requests, and resolves when none runs any more. Models that the server loaded are closed; others stay open: whoever loaded
   * them closes them.
   * @param options.deadline milliseconds after which running requests are ended. Default 10,000.
   */
  close(options?: { deadline?: number }): Promise<void>
}

/**
 * Makes a server. It answers requests through `fetch` at once, and over HTTP from `listen` on.
 * @param models a loaded model, which is then called after its folder, or several by the names that requests call them: loaded ones, or
 * `{ load }` for one that is loaded when it is first asked for
 * @throws TypeError for options or models that are wrong
 */
export function createServer(models: Models, options: ServerOptions = {}): Server {
  check.checkOptions(options, serverTable, 'ServerOptions')
  const served = new ServedModels(models, options.maxModelBytes)
  const keys = new ApiKeys(options.apiKeys ?? [])
  const metrics = new ServerMetrics(served)
  const tracing = tracingOf()
  const running = new Running()
  const responses = new ResponseStore(options.storedResponses ?? serverDefaults.storedResponses)
  const listening = new Set<Renewable>()
  let closed = false
  const around: Surroundings = {
    limits: { maxN: options.maxN ?? serverDefaults.maxN, requestTimeout: options.requestTimeout },
    watch(generation, answer, abort) {
      running.add(answer, abort)
      metrics.watch(generation.named, answer)
      tracing?.watch(generation, answer)
    },
    onError: (error, requestId) => options.onError?.(error, requestId),
  }
  const isReady = () => {
    const { loaded } = served
    const isHealthy = loaded.every(({ model }) => model.info.health.state === 'healthy')
    // Beside a model that answers, another one may load.
    return !closed && isHealthy && (loaded.length > 0 || !served.isLoading)
  }

  const app = new Hono<{ Variables: { exchange: Exchange; key: string | undefined } }>()
  app.use(async (c, next) => {
    const exchange = new Exchange(c.req, around)
    c.set('exchange', exchange)
    try {
      await next()
    } finally {
      exchange.ended()
    }
    c.res.headers.set('x-request-id', exchange.requestId)
    metrics.answered(matchedRoutes(c).at(-1)?.path ?? '', c.res.status)
    options.onAccess?.({
      time: new Date().toISOString(),
      requestId: exchange.requestId,
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      milliseconds: Math.round(performance.now() - exchange.begun),
      model: exchange.modelName ?? null,
      key: c.get('key') ?? null,
    })
  })
  app.onError((error, c) => c.get('exchange').respond(error))
  app.notFound((c) => {
    const { method, path } = c.req
    const problem = new ApiError(404, `there is no ${method} ${path.slice(0, 200)}`, { code: 'unknown_url' })
    return c.get('exchange').respond(problem)
  })
  if (options.corsOrigins) app.use(cors({ origin: [...options.corsOrigins], exposeHeaders: ['x-request-id'] }))
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  if (options.page ?? serverDefaults.page) servePage(app)
  app.get('/readyz', (c) => (isReady() ? c.json({ status: 'ready' }) : c.json({ status: 'not ready' }, 503)))

  app.use(async (c, next) => {
    if (closed) throw new ApiError(503, 'the server is closing', { retryAfter: 5 })
    const key = keys.of(c.req.raw.headers)
    c.set('key', key?.name)
    c.get('exchange').priority = key?.priority
    await next()
  })
  const maxSize = options.maxBodyBytes ?? serverDefaults.maxBodyBytes
  const tooLarge = new ApiError(413, `the body has more than ${maxSize} bytes`, { code: 'body_too_large' })
  app.use(bodyLimit(maxSize, (c) => c.get('exchange').respond(tooLarge)))

  app.get('/metrics', async () => await metrics.response())
  app.get('/v1/models', (c) => listModels(served, c))
  app.get('/v1/models/:name{.+}', (c) => oneModel(served, c, c.req.param('name')))
  app.post('/v1/chat/completions', (c) => chatCompletions(served, c.get('exchange')))
  app.post('/v1/completions', (c) => completions(served, c.get('exchange')))
  app.post('/v1/responses', (c) => createResponse(served, responses, c.get('exchange'), c.get('key')))
  app.get('/v1/responses/:id', (c) => c.json(storedResponse(responses, c.req.param('id'), c.get('key')).response))
  app.delete('/v1/responses/:id', (c) => {
    const { id } = storedResponse(responses, c.req.param('id'), c.get('key')).response
    responses.delete(id)
    return c.json({ id, object: 'response', deleted: true })
  })
  app.post('/v1/messages', (c) => createMessage(served, c.get('exchange')))
  app.post('/v1/messages/count_tokens', (c) => countTokens(served, c.get('exchange')))
  addOllama(app, served)
  for (const prefix of ['', '/v1']) {
    app.post(`${prefix}/tokenize`, (c) => tokenize(served, c.get('exchange')))
    app.post(`${prefix}/detokenize`, (c) => detokenize(served, c.get('exchange')))
    app.get(`${prefix}/tokenizer_info`, (c) => tokenizerInfo(served, c.get('exchange'), c.req.query('model')))
  }

  return {
    fetch: async (request) => await app.fetch(request),
    async listen(where = {}) {
      check.checkOptions(where, listenTable, 'ListenOptions')
      const one = await listen(async (request) => await app.fetch(request), where, !keys.isEmpty)
      listening.add(one)
      return one
    },
    update(change) {
      check.checkOptions(change, changeTable, 'ServerChange')
      // Everybody could ask then.
      if (change.apiKeys?.length === 0) throw new TypeError('expected at least one of apiKeys, received none')
      if (change.tls) checkCertificate(change.tls, [...listening])
      if (change.models) served.replace(change.models)
      if (change.apiKeys) keys.replace(change.apiKeys)
      if (change.tls) for (const { renew } of listening) renew?.(change.tls)
    },
    async close({ deadline = 10_000 } = {}) {
      closed = true
      const ends = [...listening].map((one) => one.close())
      await running.drain(deadline)
      await Promise.all([...ends, served.close()])
      metrics.close()
    },
  }
}
