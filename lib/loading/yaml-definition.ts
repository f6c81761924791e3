import type { ModelDefinition } from '../model/definition.js'
import type { ModelYaml } from '../model-yaml/settings.js'

/** What a model's files say, below what a model.yaml says: its bound of the context, its stop words and its defaults of requests. */
export function withYaml(definition: ModelDefinition, yaml: ModelYaml | undefined): ModelDefinition {
  if (yaml === undefined) return definition
  const { contextLimit, stopWords, defaults } = yaml
  return {
    ...definition,
    ...(contextLimit && contextLimit.tokens < definition.contextLength ? bounded(definition, contextLimit) : {}),
    stopStrings: [...new Set([...definition.stopStrings, ...stopWords])],
    defaults: [{ source: 'model.yaml', options: defaults, unsupported: [] }, ...definition.defaults],
  }
}

/** A shorter context, with nothing that lies beyond it. */
function bounded(
  { longRopeBorder, attentionBorders }: ModelDefinition,
  { tokens, key }: NonNullable<ModelYaml['contextLimit']>,
): Partial<ModelDefinition> {
  return {
    contextLength: tokens,
    contextReason: `${key} of model.yaml`,
    longRopeBorder: longRopeBorder !== undefined && longRopeBorder < tokens ? longRopeBorder : undefined,
    attentionBorders: attentionBorders.filter((border) => border.tokens < tokens),
  }
}
