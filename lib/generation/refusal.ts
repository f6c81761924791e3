import { LLMError } from '../errors.js'
import { pathOfKeyword } from '../grammar/locate.js'
import { type GenerationOptions, toolsOf } from '../options/generation.js'
import { jsonSchemaOf } from '../options/response-format.js'

/** Says where in the schemas of a request the keyword stands for which the engine refused its grammar. */
export function locateRefusal(error: unknown, options: GenerationOptions): unknown {
  if (!(error instanceof LLMError) || error.code !== 'ERR_GRAMMAR') return error
  const [, list] = /Unimplemented keys: (\[.*?\])/.exec(error.message) ?? []
  if (list === undefined) return error
  const keywords = JSON.parse(list) as string[]
  for (const [name, schema] of schemasOf(options)) {
    const path = pathOfKeyword(schema, keywords)
    if (path !== undefined) {
      return new LLMError('ERR_GRAMMAR', `${name}: a keyword that is not supported stands at ${path}`, { cause: error })
    }
  }
  return error
}

function schemasOf(options: GenerationOptions): (readonly [string, unknown])[] {
  const { responseFormat: format } = options
  if (format?.type === 'json_schema') return [['responseFormat.schema', jsonSchemaOf(format.schema)]]
  return (toolsOf(options) ?? []).map((tool) => [
    `parameters of the tool ${tool.function.name}`,
    tool.function.parameters,
  ])
}
