import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { LLMError } from '../../errors.js'
import { parseYaml } from '../../model-yaml/document.js'
import { defaultsTable, type RequestDefaults } from '../../options/generation.js'
import { type LoadOptions, loadTable } from '../../options/load.js'
import { checkBeams } from '../../options/resolve-beams.js'
import { checkSampling } from '../../options/resolve-sampling.js'
import * as check from '../../options/rules.js'
import type { Rows } from '../../options/table.js'
import { lazyTable } from '../../server/models/definition.js'
import { type ListenOptions, listenTable, type ServerOptions, serverTable } from '../../server/options.js'

/** One model of a serve.yaml. */
export interface ServeModel {
  reference: string
  aliases?: string[]
  unloadAfter?: number
  load?: LoadOptions
  defaults?: RequestDefaults
}

/** A serve.yaml, checked. Paths are absolute. */
export interface ServeFile {
  file: string
  models: ReadonlyMap<string, ServeModel>
  listen: Omit<ListenOptions, 'tls'> & { tls?: { cert: string; key: string } }
  apiKeyFile: string | undefined
  accessLog: boolean
  server: ServerOptions
}

/** What YAML can say of the options of a table: neither functions nor signals. */
const sayable = (table: Rows): Rows =>
  Object.fromEntries(Object.entries(table).filter(([, row]) => row !== check.callback && row !== check.signal))

const { apiKeys: _, ...ofServer } = sayable(serverTable)
const fileTable: Rows = {
  models: check.object,
  listen: check.object,
  apiKeyFile: check.string,
  accessLog: check.boolean,
  ...ofServer,
}
const filled: check.Rule = {
  expected: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
}
const modelTable: Rows = {
  reference: filled,
  aliases: lazyTable.aliases,
  unloadAfter: lazyTable.unloadAfter,
  load: check.object,
  defaults: check.object,
}
const { unloadAfter: __, defaults: ___, ...ofLoad } = sayable(loadTable)
const tlsTable: Rows = { cert: filled, key: filled }

/** Whether a text holds models by name, and is no model.yaml, which describes one. */
export async function isServeFile(text: string, file: string): Promise<boolean> {
  const document = await parseYaml(text, file)
  return check.object.accepts(document) && check.object.accepts((document as { models?: unknown }).models)
}

/**
 * Reads a serve.yaml: the options of `createServer`, `listen` and `LLM.load` by their names in TypeScript, under the same rules.
 * @throws TypeError that names file and field; the system's error when the file cannot be read
 */
export async function readServeFile(file: string): Promise<ServeFile> {
  return await parseServeFile(await readFile(file, 'utf8'), file)
}

export async function parseServeFile(text: string, file: string): Promise<ServeFile> {
  const document = await parseYaml(text, file).catch((error) => {
    throw error instanceof LLMError ? new TypeError(error.message) : error
  })
  const found = checked(document, fileTable, file, 'the file')
  const { models: given, listen = {}, apiKeyFile, accessLog = false, ...server } = found
  const base = dirname(resolve(file))
  const names = Object.keys((given ?? {}) as object)
  if (names.length === 0) throw new TypeError(`${file}: expected models to name at least one model, found none`)
  const models = new Map<string, ServeModel>()
  for (const [name, value] of Object.entries(given as object))
    models.set(name, modelOf(value, `models.${name}`, file, base))
  const { tls, ...where } = checked(listen, listenTable, file, 'listen')
  const pem =
    tls === undefined ? undefined : (checked(tls, tlsTable, file, 'listen.tls') as { cert?: string; key?: string })
  if (pem && !(pem.cert && pem.key)) throw new TypeError(`${file}: expected listen.tls to have cert and key`)
  return {
    file,
    models,
    listen: {
      ...where,
      ...(pem && { tls: { cert: resolve(base, pem.cert ?? ''), key: resolve(base, pem.key ?? '') } }),
    },
    apiKeyFile: apiKeyFile === undefined ? undefined : resolve(base, apiKeyFile as string),
    accessLog: accessLog as boolean,
    server,
  }
}

function modelOf(value: unknown, where: string, file: string, base: string): ServeModel {
  const model = checked(value, modelTable, file, where) as unknown as ServeModel
  if (model.reference === undefined) throw new TypeError(`${file}: expected ${where} to have a reference, found none`)
  checked(model.load ?? {}, ofLoad, file, `${where}.load`)
  const defaults = checked(model.defaults ?? {}, sayable(defaultsTable), file, `${where}.defaults`)
  for (const rule of [checkSampling, checkBeams])
    named(() => rule(defaults as RequestDefaults), `${file}: ${where}.defaults`)
  // What begins with a dot is a path from the file; everything else means what it means on the command line.
  const reference = /^\.\.?[/\\]/.test(model.reference) ? resolve(base, model.reference) : model.reference
  return { ...model, reference }
}

function checked(value: unknown, table: Rows, file: string, where: string): Record<string, unknown> {
  named(() => check.checkOptions(value, table, where), `${file}: ${where}`)
  return value as Record<string, unknown>
}

/** Names the place in an error. */
function named(work: () => void, where: string): void {
  try {
    work()
  } catch (error) {
    throw new TypeError(`${where}: ${(error as Error).message}`)
  }
}
