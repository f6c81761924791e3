import type { TextSource } from '../text-source.js'

/** What of a request's options says which template it is. */
export interface Wanted {
  chatTemplate?: string | undefined
  tools?: unknown
}

/** The template of a request, and whether the request brought it along; undefined when there is none. */
export function chosenTemplate(
  templates: TextSource['templates'],
  { chatTemplate, tools }: Wanted,
): { source: string; own: boolean } | undefined {
  const named = (name: string): string | undefined => (Object.hasOwn(templates, name) ? templates[name] : undefined)
  const source =
    chatTemplate !== undefined
      ? named(chatTemplate)
      : ((tools !== undefined ? named('tool_use') : undefined) ?? named('default'))
  if (source !== undefined) return { source, own: false }
  const own = chatTemplate !== undefined && /\{[{%#]/.test(chatTemplate)
  return own ? { source: chatTemplate, own } : undefined
}
