import { tokenContent } from '../tokenizer/tokenizer-file.js'

/** `bos_token` and the like as variables of a template: transformers' `special_tokens_map`. */
export function specialTokenVariables(tokenizerConfig: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const variables: Record<string, unknown> = {}
  const extra = tokenizerConfig['extra_special_tokens']
  const named = typeof extra === 'object' && extra !== null && !Array.isArray(extra) ? Object.entries(extra) : []
  for (const [key, value] of [...named, ...Object.entries(tokenizerConfig)]) {
    const content = key.endsWith('_token') ? tokenContent(value) : undefined
    if (content !== undefined) variables[key] = content
  }
  const additional = tokenizerConfig['additional_special_tokens']
  if (Array.isArray(additional)) {
    variables['additional_special_tokens'] = additional.map(tokenContent).filter((token) => token !== undefined)
  }
  return variables
}
