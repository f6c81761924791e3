/** A metadata value as a GGUF holds it: text, bool, u32, f32 (wrapped), and arrays of text, i32 or f32 (wrapped). */
export type GgufValue = string | boolean | number | { f32: number } | string[] | number[] | { f32s: number[] }

/** Bytes of a small GGUF, version 3, whose tensors are f32; `fill` gives their numbers one by one, zeros by default. */
export function writeGguf(
  metadata: Record<string, GgufValue>,
  tensors: Record<string, number[]> = {},
  fill?: (name: string) => number,
): Buffer {
  const parts: Buffer[] = [
    Buffer.from('GGUF'),
    u32(3),
    u64(Object.keys(tensors).length),
    u64(Object.keys(metadata).length),
  ]
  for (const [key, value] of Object.entries(metadata)) parts.push(text(key), ...typed(value))
  let offset = 0
  for (const [name, shape] of Object.entries(tensors)) {
    parts.push(text(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset))
    offset += Math.ceil((shape.reduce((a, b) => a * b, 1) * 4) / 32) * 32
  }
  const header = Buffer.concat(parts)
  const data = Buffer.alloc(offset)
  if (fill) {
    let end = 0
    for (const [name, shape] of Object.entries(tensors)) {
      const begin = Math.ceil(end / 32) * 32
      end = begin + shape.reduce((a, b) => a * b, 4)
      for (let at = begin; at < end; at += 4) data.writeFloatLE(fill(name), at)
    }
  }
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), data])
}

function typed(value: GgufValue): Buffer[] {
  if (typeof value === 'string') return [u32(8), text(value)]
  if (typeof value === 'boolean') return [u32(7), Buffer.from([value ? 1 : 0])]
  if (typeof value === 'number') return [u32(4), u32(value)]
  if ('f32' in value) return [u32(6), f32(value.f32)]
  if ('f32s' in value) return [u32(9), u32(6), u64(value.f32s.length), ...value.f32s.map(f32)]
  const isText = typeof value[0] === 'string'
  return [
    u32(9),
    u32(isText ? 8 : 5),
    u64(value.length),
    ...value.map((item) => (typeof item === 'string' ? text(item) : i32(item))),
  ]
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([u64(bytes.length), bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function f32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}
