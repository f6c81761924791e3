import type { Context } from 'hono'
import * as check from '../options/rules.js'
import { anthropicModel, anthropicPage } from './anthropic/models.js'
import { anthropicHeader } from './error-shapes.js'
import { readField } from './fields.js'
import type { ModelEntry, ServedModels } from './models.js'

/** GET /v1/models */
export function listModels(models: ServedModels, c: Context): Response {
  const describe = describedBy(models, c)
  const list = models.all.map(describe)
  if (c.req.header(anthropicHeader) === undefined) return c.json({ object: 'list', data: list })
  const { limit, after_id: after, before_id: before } = c.req.query()
  const most = readField({ limit: limit === undefined ? undefined : Number(limit) }, 'limit', check.integer(1, 1000))
  return c.json(anthropicPage(models.all, { after, before, most: most as number | undefined }, models.created))
}

/** GET /v1/models/NAME. @throws ApiError 404 */
export function oneModel(models: ServedModels, c: Context, name: string): Response {
  return c.json(describedBy(models, c)(models.entry(name)))
}

function describedBy({ created }: ServedModels, c: Context): (entry: ModelEntry) => object {
  if (c.req.header(anthropicHeader) !== undefined) return (entry) => anthropicModel(entry, created)
  return ({ name, aliases, loaded, info }) => ({
    id: name,
    object: 'model',
    created,
    owned_by: 'openvino-llm',
    max_model_len: info?.contextLength ?? null,
    loaded: loaded !== undefined,
    ...(aliases.length > 0 && { aliases }),
  })
}
