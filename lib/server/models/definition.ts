import type { LLM } from '../../llm.js'
import * as check from '../../options/rules.js'
import type { Table } from '../../options/table.js'

/** What the server needs of a model. */
export type ServedModel = Pick<LLM, 'stream' | 'tokenize' | 'detokenize' | 'info' | 'metrics'>

/** A model that the server loads when it is first asked for, and closes. */
export interface LazyModel {
  /** Loads it, e.g. `({ signal }) => LLM.load('./model', { signal })`. The signal aborts when the server closes. */
  load: (options: { signal: AbortSignal }) => Promise<ServedModel & Pick<LLM, 'close'>>
  /** Other names by which requests may call it. Default none. */
  aliases?: readonly string[] | undefined
  /** Bytes of memory that it takes, or what reckons them, e.g. by `estimate`. Needed with `maxModelBytes`. */
  bytes?: number | (() => number | Promise<number>) | undefined
  /** Seconds without a request until it is closed, above 0 and at most 2147483. By default never. */
  unloadAfter?: number | undefined
}

/** A model that the caller has loaded, and closes. */
export interface LoadedModel {
  model: ServedModel
  /** As of {@link LazyModel}. */
  aliases?: readonly string[] | undefined
  /** Bytes that it takes of `maxModelBytes`. Default: what it says of its weights and of its KV cache. */
  bytes?: number | undefined
}

const bytesRule = check.number('of bytes ≥ 0', (value) => value >= 0)

export const lazyTable = {
  load: check.callback,
  aliases: check.listOf(
    { expected: 'a string that is not empty', accepts: (value) => typeof value === 'string' && value !== '' },
    1000,
  ),
  bytes: check.either(bytesRule, check.callback),
  unloadAfter: check.number('of seconds above 0 and at most 2147483', (value) => value > 0 && value <= 2147483),
} as const satisfies Table<LazyModel>

export const loadedTable = {
  model: { expected: 'a loaded model (LLM)', accepts: (value) => isModel(value) },
  aliases: lazyTable.aliases,
  bytes: bytesRule,
} as const satisfies Table<LoadedModel>

export function isModel(value: unknown): value is ServedModel {
  return typeof (value as ServedModel | undefined)?.stream === 'function'
}

/**
 * A model that was loaded, by itself or with more about it; undefined for any other value.
 * @param where names it in errors
 * @throws TypeError
 */
export function loadedOf(value: unknown, where: string): LoadedModel | undefined {
  if (isModel(value)) return { model: value }
  if (typeof value !== 'object' || value === null || !('model' in value)) return undefined
  check.checkOptions(value, loadedTable, where)
  return value as LoadedModel
}

/** @param of a loaded model */
export function bytesOf({ model, bytes }: LoadedModel): number {
  const { memory, kvCache } = model.info
  return bytes ?? memory.weights + kvCache.bytes
}

/**
 * @param where names it in errors
 * @throws TypeError
 */
export function checkLazy(value: unknown, where: string): asserts value is LazyModel {
  if (typeof (value as LazyModel | undefined)?.load !== 'function') {
    throw new TypeError(`${where}: expected a loaded model (LLM), { model } that is one, or { load } that loads one`)
  }
  check.checkOptions(value, lazyTable, where)
}
