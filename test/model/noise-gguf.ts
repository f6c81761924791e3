import { resolve } from 'node:path'
import { crc32 } from 'node:zlib'
import type { GgufValue } from './gguf-writer.js'
import { tinyMetadata } from './tiny-gguf.js'

/** A tensor of test/fixtures/golden/gguf.json. */
interface NoiseTensor {
  type: string
  /** As in the file: the length of a row first. */
  dims: number[]
  /** Of an F32 tensor: its numbers lie within `mean` ± `scale`. */
  mean?: number
  scale?: number
  /** The numbers themselves, where they mean something. */
  values?: number[]
}

/** A model of test/fixtures/golden/gguf.json. */
export interface NoiseModel {
  seed: number
  metadata: Record<string, GgufValue>
  tensors: Record<string, NoiseTensor>
  /** Greedy tokens of transformers in f32 on the same weights. */
  answers: { prompt: number[]; tokens: number[] }[]
}

/** ggml's number of a type, its weights and bytes a block, and where 16-bit floats stand: their place and the exponent of 2. */
const types: Record<string, { id: number; weights: number; bytes: number; halves?: [at: number, exponent: number][] }> =
  {
    F32: { id: 0, weights: 1, bytes: 4 },
    F16: { id: 1, weights: 1, bytes: 2 },
    Q4_0: { id: 2, weights: 32, bytes: 18, halves: [[0, -6]] },
    Q4_1: {
      id: 3,
      weights: 32,
      bytes: 20,
      halves: [
        [0, -6],
        [2, -3],
      ],
    },
    Q5_0: { id: 6, weights: 32, bytes: 22, halves: [[0, -7]] },
    Q5_1: {
      id: 7,
      weights: 32,
      bytes: 24,
      halves: [
        [0, -7],
        [2, -3],
      ],
    },
    Q8_0: { id: 8, weights: 32, bytes: 34, halves: [[0, -10]] },
    Q2_K: {
      id: 10,
      weights: 256,
      bytes: 84,
      halves: [
        [80, -7],
        [82, -7],
      ],
    },
    Q3_K: { id: 11, weights: 256, bytes: 110, halves: [[108, -10]] },
    Q4_K: {
      id: 12,
      weights: 256,
      bytes: 144,
      halves: [
        [0, -12],
        [2, -9],
      ],
    },
    Q5_K: {
      id: 13,
      weights: 256,
      bytes: 176,
      halves: [
        [0, -13],
        [2, -9],
      ],
    },
    Q6_K: { id: 14, weights: 256, bytes: 210, halves: [[208, -14]] },
    MXFP4: { id: 39, weights: 32, bytes: 17 },
  }
/** They add their minimum, the others subtract it. */
const negativeMinimum = ['Q4_1', 'Q5_1']

const { ggufBytes } = (await import(resolve('bench/generate/gguf-writer.mjs'))) as {
  ggufBytes: (metadata: Record<string, GgufValue>, tensors: unknown[]) => Buffer
}

/** The GGUF of a description: the same bits that test/fixtures/make/7_gguf.py gave to transformers. `tokenizer`: a tiny one by default. */
export function noiseGguf({ seed, metadata, tensors }: NoiseModel, tokenizer?: Record<string, GgufValue>): Buffer {
  const text = tokenizer ?? tinyTokenizer(tensors['token_embd.weight']?.dims[1] ?? 0)
  return ggufBytes(
    { ...metadata, ...text },
    Object.entries(tensors).map(([name, tensor]) => {
      const type = types[tensor.type]
      if (!type) throw new Error(`no type ${tensor.type}`)
      const elements = tensor.dims.reduce((a, b) => a * b, 1)
      return {
        name,
        dims: tensor.dims,
        type: type.id,
        content: {
          bytes: (elements / type.weights) * type.bytes,
          fill: (_: unknown, target: Buffer) => fill(target, tensor, hashes(`${seed}:${name}`)),
        },
      }
    }),
  )
}

/** A token for each id: an id that has none is never generated. */
function tinyTokenizer(size: number): Record<string, GgufValue> {
  const own = Object.entries(tinyMetadata).filter(([key]) => key.startsWith('tokenizer.'))
  const tokens = tinyMetadata['tokenizer.ggml.tokens'] as string[]
  const types = tinyMetadata['tokenizer.ggml.token_type'] as number[]
  const others = Array.from({ length: size - tokens.length }, (_, i) => `t${i}`)
  return {
    ...Object.fromEntries(own),
    'tokenizer.ggml.tokens': [...tokens, ...others],
    'tokenizer.ggml.token_type': [...types, ...others.map(() => 1)],
  }
}

/** 32 random bits for each index: the finalizer of MurmurHash3. */
function hashes(name: string): (index: number) => number {
  const start = crc32(name)
  return (index) => {
    let x = (Math.imul(index, 0x9e3779b1) + start) >>> 0
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
    return (x ^ (x >>> 16)) >>> 0
  }
}

function fill(
  target: Buffer,
  { type, mean = 0, scale = 1, values }: NoiseTensor,
  hash: (index: number) => number,
): void {
  if (type === 'F32') {
    for (let i = 0; 4 * i < target.length; i++)
      target.writeFloatLE(values?.[i] ?? mean + scale * (2 * (hash(i) / 2 ** 32) - 1), 4 * i)
    return
  }
  if (type === 'F16') {
    for (let i = 0; 2 * i < target.length; i++) {
      const random = hash(i)
      target.writeUInt16LE((random & 0x83ff) | ((10 + ((random >>> 16) & 3)) << 10), 2 * i)
    }
    return
  }
  const { bytes, halves = [] } = types[type] ?? { bytes: 1 }
  for (let i = 0; i < target.length; i++) target[i] = hash(i) >>> 24
  for (let block = 0; block < target.length; block += bytes) {
    for (const [at, exponent] of halves) {
      const sign = at === 2 && negativeMinimum.includes(type) ? 0x8000 : 0
      target.writeUInt16LE((hash(block) & 0x3ff) | ((exponent + 15) << 10) | sign, block + at)
    }
    // Scales and minima of parts of a block lie within a factor of 1.5, as those of real weights do.
    const mask = (at: number, count: number, keep: number, set: number): void => {
      for (let i = block + at; i < block + at + count; i++) target[i] = ((target[i] ?? 0) & keep) | set
    }
    if (type === 'Q4_K' || type === 'Q5_K') mask(4, 8, 0x0f, 0xa0)
    if (type === 'Q2_K') mask(0, 16, 0x33, 0xc8)
    if (type === 'Q6_K') mask(192, 16, 0xff, 0x40)
    if (type === 'MXFP4') target[block] = 124 + ((target[block] ?? 0) & 1)
  }
}
