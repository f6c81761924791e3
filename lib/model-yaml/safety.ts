import { LLMError } from '../errors.js'
import type { ModelYaml } from './settings.js'

/** Properties of OpenVINO that read or write files. */
const filesOfOpenvino = /(^|_)(PATH|DIR|FILE|CONFIG|DUMP)(_|$)/i

/**
 * Refuses what a model.yaml may not name: files outside its own folder for downloads; and, in a file from the network, anything else on this
 * machine, and variables of its environment.
 * @throws LLMError `ERR_MODEL_INVALID` that names the key
 */
export function requireSafe({ file, model, downloads, load }: ModelYaml, network: boolean): void {
  const refuse = (key: string, why: string, found: string): never => {
    throw new LLMError(
      'ERR_MODEL_INVALID',
      `${file}: expected "${key}" ${why}, found ${JSON.stringify(found.slice(0, 80))}`,
    )
  }
  downloads.forEach(({ filename, uri }, i) => {
    const key = (name: string) => `download_files[${i}].${name}`
    if (!isPlainPath(filename)) refuse(key('filename'), 'to be a relative path without ".."', filename)
    if (network && namesThisMachine(uri)) refuse(key('uri'), ofTheNetwork, uri)
  })
  if (!network) return
  if (namesThisMachine(model)) refuse('parameters.model', ofTheNetwork, model)
  for (const [name, value] of Object.entries(load.ovConfig ?? {})) {
    if (filesOfOpenvino.test(name))
      refuse('options or engine_args', `of a file from the network to name no property for files`, name)
    if (typeof value === 'string' && namesThisMachine(value))
      refuse(`options or engine_args: ${name}`, ofTheNetwork, value)
  }
}

const ofTheNetwork =
  'of a file from the network to name nothing on this machine (no absolute path, no "..", no file: URL, no variable)'

/** A relative path of plain segments. */
export function isPlainPath(path: string): boolean {
  const segments = path.split('/')
  return path.length <= 500 && !/[\\:$\p{Cc}]/u.test(path) && segments.every((one) => !['', '.', '..'].includes(one))
}

function namesThisMachine(text: string): boolean {
  return /^([/\\~]|[a-z]:[/\\]|file:)/i.test(text.trim()) || /(^|[/\\:@])\.\.([/\\]|$)/.test(text) || text.includes('$')
}
