import type { Cursor } from './cursor.js'

/** Keys, strings and elements of arrays that a file may have in all. The largest known vocabulary has a million with its merges. */
const maxValues = 1 << 24

/** By GGUF's number of a type: the least bytes of a value, and how to read one. */
const scalars: ReadonlyMap<
  number,
  readonly [least: number, read: (cursor: Cursor, what: string) => string | number | bigint | boolean]
> = new Map([
  [0, [1, (cursor) => cursor.u8()]],
  [1, [1, (cursor) => cursor.i8()]],
  [2, [2, (cursor) => cursor.u16()]],
  [3, [2, (cursor) => cursor.i16()]],
  [4, [4, (cursor) => cursor.u32()]],
  [5, [4, (cursor) => cursor.i32()]],
  [6, [4, (cursor) => cursor.f32()]],
  [7, [1, readBoolean]],
  [8, [8, (cursor, what) => cursor.string(what)]],
  [10, [8, (cursor) => cursor.u64()]],
  [11, [8, (cursor) => cursor.i64()]],
  [12, [8, (cursor) => cursor.f64()]],
])
const arrayType = 9

/** Least bytes of a key: length of its name, type, value. */
export const keyBytes = 13

/**
 * Reads the metadata's keys and values. The object has no prototype, so that `__proto__` is a key like any other.
 *
 * @param count of keys
 * @param onKey told of each, and of the offsets between which it stands with its value
 * @throws LLMError ERR_MODEL_INVALID
 */
export function readValues(
  cursor: Cursor,
  count: number,
  onKey: (key: string, start: number, end: number) => void = () => undefined,
): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  let left = maxValues
  const spend = (number: number): void => {
    left -= number
    if (left < 0) throw cursor.invalid(`expected at most ${maxValues} values in its metadata, found more`)
  }
  for (let i = 0; i < count; i++) {
    spend(1)
    const start = cursor.position
    const key = cursor.string(`the name of key ${i}`)
    const what = JSON.stringify(key.slice(0, 80))
    if (key in values) throw cursor.invalid(`expected the key ${what} once, found it twice`)
    const type = cursor.u32()
    if (type !== arrayType) {
      values[key] = reader(cursor, type, what)[1](cursor, what)
    } else {
      const [least, read] = reader(cursor, cursor.u32(), `the elements of ${what}`)
      const length = cursor.count(least, `elements of ${what}`)
      spend(length)
      values[key] = Array.from({ length }, () => read(cursor, `each of ${what}`))
    }
    onKey(key, start, cursor.position)
  }
  return values
}

function reader(cursor: Cursor, type: number, what: string) {
  const found = scalars.get(type)
  if (found) return found
  const name = type === arrayType ? 'an array within an array' : `the unknown type ${type}`
  throw cursor.invalid(`expected ${what} to be of a type that GGUF has for it, found ${name}`)
}

function readBoolean(cursor: Cursor, what: string): boolean {
  const byte = cursor.u8()
  if (byte > 1) throw cursor.invalid(`expected ${what} to be true (1) or false (0), found ${byte}`)
  return byte === 1
}
