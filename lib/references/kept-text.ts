import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheRoot } from '../cache/root.js'
import { replaceFile } from '../cache/temporary.js'
import { LLMError } from '../errors.js'
import type { Warn } from '../warnings.js'

/**
 * A text of a server, which is kept for the time when the server does not answer.
 *
 * @param fetchText what asks the server; not called when `offline`
 * @throws what `fetchText` throws, when nothing was kept or the server says that there is no such text; LLMError ERR_OFFLINE
 */
export async function keptText(
  url: string,
  fetchText: () => Promise<string>,
  { offline = false, warn, root = cacheRoot() }: { offline?: boolean | undefined; warn: Warn; root?: string },
): Promise<string> {
  const folder = join(root, 'model-yaml')
  const path = join(folder, `${createHash('sha256').update(url).digest('hex').slice(0, 32)}.yaml`)
  const kept = async (error: LLMError): Promise<string> => {
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text === undefined) throw error
    if (error.code !== 'ERR_OFFLINE') warn('hub', `what was fetched before is used: ${error.message}`)
    return text
  }
  if (offline)
    return await kept(new LLMError('ERR_OFFLINE', `${url}: it is not in ${folder}, and the network may not be used`))
  let text: string
  try {
    text = await fetchText()
  } catch (error) {
    if (error instanceof LLMError && ['ERR_OFFLINE', 'ERR_NETWORK'].includes(error.code)) return await kept(error)
    throw error
  }
  // A cache that cannot be written only lacks it later.
  await mkdir(folder, { recursive: true })
    .then(() => replaceFile(path, text))
    .catch(() => undefined)
  return text
}
