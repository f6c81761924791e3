import { kvValueBytes } from './kv-cache.js'

/** What the memory of a model depends on. Bytes unless it says otherwise. */
export interface MemoryInputs {
  /** Bytes of constants by element type. */
  weights: Readonly<Record<string, number>>
  /** Size of openvino_model.bin and of openvino_model.xml. */
  weightsBytes: number
  graphBytes: number
  /** Rows of the embedding table. */
  vocabularySize: number
  /** Keys and values of one token in all layers, in numbers. */
  kvValuesPerToken: number
  /** Widths of what all multiplications by weights but the last compute, and how many layers share them. */
  matmulWidth: number
  layers: number
  /** Whether the built-in kernels multiply with compressed weights, and the bytes that they pack. */
  builtinKernels: boolean
  packedBytes: number
  /** Whether pages of the file stay in memory after loading; on Linux they are given back. */
  keepsPages: boolean
  /** OpenVINO's name of what the device computes in, e.g. `bf16`. */
  inferencePrecision: string
  kvPrecision: string
  /** Tokens of a prefill step. */
  prefillChunk: number
  contextLength: number
  /** Requests with so many tokens each. */
  concurrency: number
  /** Whether it works for another model, as a draft model does, whose libraries and tokenizer serve both. */
  helps: boolean
}

/** Bytes of memory. */
export interface MemoryNeeds {
  /** `packed`: as the device computes with them; `mapped`: pages of the file that stay, and that the system takes back when it needs memory. */
  weights: { packed: number; mapped: number }
  /** Keys and values of as many full contexts as were asked for. */
  kvCache: number
  /** What a step computes with. */
  activations: number
  /** OpenVINO's libraries, the compiled graph, the tokenizer. */
  runtime: number
  /** All of it. */
  total: number
}

/** Measured on x86-64 Linux with OpenVINO 2026.4.1: the loaded libraries and what both threads have without a model. */
const libraries = 80e6
/** The same: what the tokenizer's thread keeps of one token of the vocabulary. */
const bytesPerToken = 600
/** The same: what reading and compiling leaves for a byte of the xml; the built-in kernels take the place of most of its nodes. */
const bytesPerGraphByte = { builtin: 4, openvino: 25 }
/** Buffers of a layer live while the next is computed. */
const layersAtOnce = 2

/** Memory of a model that is loaded and has computed as much as was asked for. */
export function memoryNeeds(facts: MemoryInputs): MemoryNeeds {
  const { kvValuesPerToken, kvPrecision, contextLength, concurrency, layers, vocabularySize } = facts
  const weights = residentWeights(facts)
  const kvCache = kvValuesPerToken * kvValueBytes(kvPrecision) * contextLength * concurrency
  const rows = Math.min(facts.prefillChunk, contextLength)
  const widest = facts.matmulWidth / Math.max(1, layers)
  const activations = 4 * (layersAtOnce * rows * widest + concurrency * vocabularySize)
  const process = facts.helps ? 0 : libraries + bytesPerToken * vocabularySize
  const runtime = process + bytesPerGraphByte[facts.builtinKernels ? 'builtin' : 'openvino'] * facts.graphBytes
  const total = weights.packed + weights.mapped + kvCache + activations + runtime
  return { weights, kvCache, activations, runtime, total }
}

/** What two models need together. */
export function bothNeeds(a: MemoryNeeds, b: MemoryNeeds): MemoryNeeds {
  return {
    weights: { packed: a.weights.packed + b.weights.packed, mapped: a.weights.mapped + b.weights.mapped },
    kvCache: a.kvCache + b.kvCache,
    activations: a.activations + b.activations,
    runtime: a.runtime + b.runtime,
    total: a.total + b.total,
  }
}

/**
 * Weights in memory: they are read through the mapped file and repacked for the kernels. Where pages of the file are not given back they are
 * there twice. The one place that knows this.
 *
 * Integers keep their size; f16 beside integers is their scales, which become f32; other floats become what the device computes in.
 */
function residentWeights(facts: MemoryInputs): MemoryNeeds['weights'] {
  const { weights, weightsBytes, inferencePrecision, builtinKernels, packedBytes, keepsPages } = facts
  if (builtinKernels && packedBytes > 0) return { packed: packedBytes, mapped: keepsPages ? weightsBytes : 0 }
  const compressed = ['u4', 'i4', 'u8', 'i8', 'nf4'].some((type) => (weights[type] ?? 0) > 0)
  const computed = /^(bf16|f16)$/.test(inferencePrecision) ? 2 : 4
  let packed = 0
  for (const [type, bytes] of Object.entries(weights)) {
    if (type === 'f16' || type === 'bf16') packed += (bytes / 2) * (compressed ? 4 : computed)
    else if (type === 'f32') packed += (bytes / 4) * computed
    else packed += bytes
  }
  // Floats may be computed with where they lie.
  return { packed, mapped: keepsPages || !compressed ? weightsBytes : 0 }
}
