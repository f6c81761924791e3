import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { LLMError } from '../errors.js'
import { fileError } from '../file-error.js'
import { isObject, JsonObject } from './json-object.js'
import { readText } from './model-file.js'

/** A folder with more templates than this is not a model's. */
const maxTemplates = 64

export interface ChatTemplates {
  /** By name; the usual one is `default`. Empty when the model has none. */
  templates: Record<string, string>
  /** Name of the file or folder they came from, '' when there are none. */
  templateFile: string
}

/**
 * Finds the chat templates where transformers looks for them, in this order: chat_template.jinja (with
 * additional_chat_templates/*.jinja as further names), chat_template.json, `chat_template` of tokenizer_config.json.
 *
 * @throws LLMError ERR_MODEL_INVALID when the first that exists does not hold templates
 */
export async function readChatTemplates(
  folder: string,
  tokenizerConfig: JsonObject | undefined,
): Promise<ChatTemplates> {
  const main = await readText(join(folder, 'chat_template.jinja'))
  const additional = await readAdditional(join(folder, 'additional_chat_templates'))
  if (main !== undefined) return { templates: { ...additional, default: main }, templateFile: 'chat_template.jinja' }
  if (Object.keys(additional).length > 0) return { templates: additional, templateFile: 'additional_chat_templates' }

  const json = await JsonObject.read(join(folder, 'chat_template.json'))
  if (json?.has('chat_template')) return { templates: readField(json), templateFile: 'chat_template.json' }
  if (tokenizerConfig?.has('chat_template'))
    return { templates: readField(tokenizerConfig), templateFile: 'tokenizer_config.json' }
  return { templates: {}, templateFile: '' }
}

async function readAdditional(folder: string): Promise<Record<string, string>> {
  const templates = nameMap()
  for (const name of await listTemplates(folder)) {
    const text = await readText(join(folder, name))
    if (text !== undefined) templates[name.slice(0, -'.jinja'.length)] = text
  }
  return templates
}

async function listTemplates(folder: string): Promise<string[]> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw fileError(folder, error)
  }
  names = names.filter((name) => name.endsWith('.jinja')).sort()
  if (names.length > maxTemplates)
    throw new LLMError(
      'ERR_MODEL_INVALID',
      `${folder}: expected at most ${maxTemplates} templates, found ${names.length}`,
    )
  return names
}

/** `chat_template` is one template, or a list of `{ name, template }`. */
function readField(source: JsonObject): Record<string, string> {
  const value = source.get('chat_template')
  const templates = nameMap()
  if (typeof value === 'string') {
    templates.default = value
    return templates
  }
  const expected = 'a string or an array of { name, template }'
  if (!Array.isArray(value) || value.length > maxTemplates) throw source.invalid('chat_template', expected)
  for (const entry of value as unknown[]) {
    if (!isObject(entry) || typeof entry.name !== 'string' || typeof entry.template !== 'string')
      throw source.invalid('chat_template', expected)
    templates[entry.name] = entry.template
  }
  return templates
}

/** Names come from files: `__proto__` must be a name like any other. */
function nameMap(): Record<string, string> {
  return Object.create(null) as Record<string, string>
}
