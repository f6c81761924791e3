import { resolve } from 'node:path'

/** A metadata value: text, bool, u32 or f32, or an array of text, i32 or f32. */
export type GgufValue = string | boolean | number | { f32: number } | string[] | number[] | { f32s: number[] }

interface Tensor {
  name: string
  dims: number[]
  type: number
  content: { bytes: number; fill: (noise: unknown, target: Buffer) => void }
}

// The benchmarks' writer is JavaScript outside this project's TypeScript.
const { ggufBytes } = (await import(resolve('bench/generate/gguf-writer.mjs'))) as {
  ggufBytes: (metadata: Record<string, GgufValue>, tensors: Tensor[]) => Buffer
}

/** A small GGUF whose tensors are f32; `number` gives their numbers one by one, zeros by default. */
export function writeGguf(
  metadata: Record<string, GgufValue>,
  shapes: Record<string, number[]> = {},
  number: (name: string) => number = () => 0,
): Buffer {
  const tensors = Object.entries(shapes).map(([name, dims]) => ({
    name,
    dims,
    type: 0,
    content: {
      bytes: dims.reduce((a, b) => a * b, 4),
      fill(_: unknown, target: Buffer) {
        for (let at = 0; at < target.length; at += 4) target.writeFloatLE(number(name), at)
      },
    },
  }))
  return ggufBytes(metadata, tensors)
}
