import { requireFile } from '../model-file.js'
import { Cursor } from './cursor.js'
import { checkTensors, readTables } from './metadata.js'
import type { TensorInfo } from './tensors.js'

/** How parts become one file. */
export interface JoinPlan {
  /** Everything before the first tensor. */
  head: Uint8Array
  /** Contents of the tensors: so many bytes of part number `part`, at `from`, belong at `to`. */
  pieces: { part: number; from: number; to: number; bytes: number }[]
  /** Bytes of the joined file. */
  size: number
}

interface Placed extends TensorInfo {
  part: number
  from: number
}

/**
 * The header of the file that the parts of a split GGUF make: the first part's metadata but `split.*`, and the tensors of all.
 * It blocks, so it belongs in a worker thread.
 *
 * @throws LLMError ERR_MODEL_INVALID for parts that do not belong together; as `readGgufHeader`
 */
export async function planJoin(parts: readonly string[]): Promise<JoinPlan> {
  const keys: Buffer[] = []
  const tensors = new Map<string, Placed>()
  let unit = 0
  for (const [part, path] of parts.entries()) {
    const cursor = new Cursor(path, await requireFile(path, 'expected a part of a split GGUF'))
    try {
      const { metadata, infos } = readTables(cursor, (key, start, end) => {
        if (part === 0 && !key.startsWith('split.')) keys.push(cursor.bytes(start, end))
      })
      for (const [key, expected] of [
        ['split.count', parts.length],
        ['split.no', part],
      ] as const)
        metadata.number(key, `${expected}, as its name says`, (value) => value === expected)
      const { start, unit: own } = checkTensors(cursor, metadata, infos)
      if (part === 0) unit = own
      for (const info of infos.values()) {
        const { name, bytes } = info
        const what = `tensor ${JSON.stringify(name.slice(0, 80))}`
        if (tensors.has(name)) throw cursor.invalid(`expected ${what} in one part, found it in two`)
        if (bytes === 0) throw cursor.invalid(`expected ${what} to be of a known type`)
        tensors.set(name, { ...info, part, from: start + info.offset })
      }
      const count = metadata.integer('split.tensors.count', 0)
      if (part === parts.length - 1 && count !== undefined && count !== tensors.size)
        throw cursor.invalid(`expected ${count} tensors in all parts, found ${tensors.size}`)
    } finally {
      cursor.close()
    }
  }
  return layOut(keys, [...tensors.values()], unit)
}

function layOut(keys: readonly Buffer[], tensors: readonly Placed[], unit: number): JoinPlan {
  const align = (at: number): number => Math.ceil(at / unit) * unit
  let end = 0
  const offsets = tensors.map(({ bytes }) => {
    const offset = end
    end = align(offset + bytes)
    return offset
  })
  const start = Buffer.alloc(24)
  start.write('GGUF')
  start.writeUInt32LE(3, 4)
  start.writeBigUInt64LE(BigInt(tensors.length), 8)
  start.writeBigUInt64LE(BigInt(keys.length), 16)
  const rows = tensors.map((tensor, i) => row(tensor, offsets[i] as number))
  const written = Buffer.concat([start, ...keys, ...rows])
  const head = Buffer.concat([written], align(written.length))
  const pieces = tensors.map(({ part, from, bytes }, i) => ({
    ...{ part, from, bytes },
    to: head.length + (offsets[i] as number),
  }))
  return { head, pieces, size: head.length + end }
}

/** A row of the table of tensors, as `readTensorInfos` reads it. */
function row({ name, shape, type }: TensorInfo, offset: number): Buffer {
  const text = Buffer.from(name)
  const bytes = Buffer.alloc(8 + text.length + 4 + 8 * shape.length + 4 + 8)
  let at = bytes.writeBigUInt64LE(BigInt(text.length))
  at += text.copy(bytes, at)
  at = bytes.writeUInt32LE(shape.length, at)
  for (const length of shape) at = bytes.writeBigUInt64LE(BigInt(length), at)
  at = bytes.writeUInt32LE(type, at)
  bytes.writeBigUInt64LE(BigInt(offset), at)
  return bytes
}
