import { ApiError } from '../api-error.js'
import type { ModelEntry } from '../models.js'

/** Models of a page when the client does not say how many: Anthropic's. */
const usualPage = 20

/** A model as Anthropic's API describes one. What does not exist here is null. @param created seconds since 1970 */
export function anthropicModel({ name, info }: ModelEntry, created: number) {
  return {
    type: 'model',
    id: name,
    display_name: name,
    created_at: new Date(created * 1000).toISOString(),
    capabilities: null,
    deprecated_at: null,
    lifecycle: 'active',
    line: null,
    // Prompt and answer share it.
    max_input_tokens: info?.contextLength ?? null,
    max_tokens: info?.contextLength ?? null,
    retires_at: null,
  }
}

/**
 * A page of models: those behind the one that `after` names, or the last ones before `before`.
 * @throws ApiError 400 for a name of none
 */
export function anthropicPage(
  all: readonly ModelEntry[],
  {
    after,
    before,
    most = usualPage,
  }: { after?: string | undefined; before?: string | undefined; most?: number | undefined },
  created: number,
) {
  const end = before === undefined ? all.length : placeOf(all, before, 'before_id')
  const begin = after === undefined ? 0 : placeOf(all, after, 'after_id') + 1
  const between = all.slice(begin, end)
  const page = before === undefined ? between.slice(0, most) : between.slice(-most)
  return {
    data: page.map((entry) => anthropicModel(entry, created)),
    has_more: page.length < between.length,
    first_id: page[0]?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  }
}

function placeOf(all: readonly ModelEntry[], id: string, field: string): number {
  const place = all.findIndex(({ name }) => name === id)
  if (place < 0) throw ApiError.invalid(field, `expected ${field} to name a model, received ${id.slice(0, 200)}`)
  return place
}
