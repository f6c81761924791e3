import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Where npm run test:server has installed clients and frameworks; this package is among them. */
export const clientsFolder = process.env['OPENVINO_LLM_CLIENTS'] ?? ''

/** Why tests that need them are skipped, or false. */
export const skipWithoutClients = clientsFolder === '' && 'npm run test:server installs the clients, and it could not'

/**
 * The exports of an installed package, whose types are not there.
 * @template T what the test uses of it
 */
export async function installed<T>(name: string): Promise<T> {
  const { load } = await import(pathToFileURL(join(clientsFolder, 'import.mjs')).href)
  return await load(name)
}
