import { LLMError } from '../../errors.js'

/** A part of a tokenizer.json. */
export type Config = Record<string, unknown>

/** @throws LLMError ERR_UNSUPPORTED_TOKENIZER */
export function unsupported(where: string, what: string): never {
  throw new LLMError('ERR_UNSUPPORTED_TOKENIZER', `${where}: ${what}`)
}

/**
 * `value` as an object with a `type`.
 * @param where names the file and the field in errors.
 * @throws LLMError ERR_TOKENIZER_INVALID
 */
export function typedConfig(value: unknown, where: string): Config & { type: string } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const config = value as Config
    if (typeof config['type'] === 'string') return config as Config & { type: string }
  }
  throw new LLMError(
    'ERR_TOKENIZER_INVALID',
    `${where}: expected an object with a 'type', found ${JSON.stringify(value)?.slice(0, 60)}`,
  )
}

/** The members of a `Sequence`. Throws as {@link typedConfig}. */
export function sequenceOf(config: Config, key: string, where: string): unknown[] {
  const list = config[key]
  if (Array.isArray(list)) return list
  throw new LLMError('ERR_TOKENIZER_INVALID', `${where}.${key}: expected an array, found ${typeof list}`)
}

export function stringOf(config: Config, key: string, where: string, fallback?: string): string {
  const value = config[key] ?? fallback
  if (typeof value === 'string') return value
  throw new LLMError('ERR_TOKENIZER_INVALID', `${where}.${key}: expected a string, found ${JSON.stringify(value)}`)
}

/** A setting that is true or false. Throws as {@link typedConfig}. */
export function booleanOf(config: Config, key: string, where: string, fallback: boolean): boolean {
  const value = config[key] ?? fallback
  if (typeof value === 'boolean') return value
  throw new LLMError('ERR_TOKENIZER_INVALID', `${where}.${key}: expected a boolean, found ${JSON.stringify(value)}`)
}

/** A setting that counts something. Throws as {@link typedConfig}. */
export function countOf(config: Config, key: string, where: string, least: number, fallback?: number): number {
  const value = config[key] ?? fallback
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
  throw new LLMError(
    'ERR_TOKENIZER_INVALID',
    `${where}.${key}: expected an integer ≥ ${least}, found ${JSON.stringify(value)}`,
  )
}

/** A setting with names for its values. Unknown ones are not supported. Throws as {@link stringOf}. */
export function choiceOf<T extends string>(
  config: Config,
  key: string,
  where: string,
  choices: readonly T[],
  fallback?: T,
): T {
  const value = stringOf(config, key, where, fallback)
  return choices.find((choice) => choice === value) ?? unsupported(where, `${key} '${value}' is not supported`)
}

/** A value as errors show it. */
export const brief = (value: unknown): string =>
  (Array.isArray(value) && value.length > 9 ? `${value.length} values` : JSON.stringify(value)?.slice(0, 60)) ??
  'nothing'
