import { LLMError } from '../../errors.js'
import { sequenceOf, typedConfig, unsupported } from './config.js'
import { isTokenId } from './token-id.js'

/** The ids that are put around a text. */
export interface Surroundings {
  prefix: number[]
  suffix: number[]
}

/**
 * What the `post_processor` of a tokenizer.json puts around a single text.
 * @param idOf finds tokens.
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER for an unknown kind, ERR_TOKENIZER_INVALID for a wrong shape.
 */
export function createPostProcessor(
  value: unknown,
  where: string,
  idOf: (content: string) => number | undefined,
): Surroundings {
  const prefix: number[] = []
  const suffix: number[] = []
  if (value === null || value === undefined) return { prefix, suffix }
  const config = typedConfig(value, where)
  const invalid = (what: string): never => {
    throw new LLMError('ERR_TOKENIZER_INVALID', `${where}: ${what}`)
  }
  switch (config.type) {
    case 'ByteLevel':
      break
    case 'Sequence':
      sequenceOf(config, 'processors', where).forEach((step, i) => {
        const inner = createPostProcessor(step, `${where}[${i}]`, idOf)
        prefix.unshift(...inner.prefix)
        suffix.push(...inner.suffix)
      })
      break
    case 'BertProcessing':
    case 'RobertaProcessing':
      for (const [key, target] of [
        ['cls', prefix],
        ['sep', suffix],
      ] as const) {
        const pair = config[key]
        const id: unknown = Array.isArray(pair) ? pair[1] : undefined
        if (!isTokenId(id)) return invalid(`expected [token, id] as ${key}, found ${JSON.stringify(pair)}`)
        target.push(id)
      }
      break
    case 'TemplateProcessing': {
      let target = prefix
      for (const item of sequenceOf(config, 'single', where) as (Item | null)[]) {
        if (item?.Sequence !== undefined) {
          target = suffix
          continue
        }
        const name = item?.SpecialToken?.id
        const id = typeof name === 'string' ? idOf(name) : undefined
        if (id === undefined) return invalid(`single: token ${JSON.stringify(name)} is not in the vocabulary`)
        target.push(id)
      }
      break
    }
    default:
      unsupported(where, `type '${config.type}' is not supported`)
  }
  return { prefix, suffix }
}

interface Item {
  Sequence?: unknown
  SpecialToken?: { id?: unknown }
}
