import type { GGUFTensorInfo } from '@huggingface/gguf'
import { LLMError } from '../../errors.js'
import { JsonObject } from '../json-object.js'
import { readStart, requireFile } from '../model-file.js'

/** What a GGUF file says before its weights begin. */
export interface GgufHeader {
  /** Absolute path of the file. */
  path: string
  /** `general.architecture`, e.g. `llama`. */
  architecture: string
  /** Every metadata key, checked when it is read. */
  metadata: JsonObject
  /** Shapes by tensor name, the fastest dimension first. */
  tensors: ReadonlyMap<string, readonly number[]>
}

/** [weights, bytes] of one block, by ggml's type number. From ggml's block structures. */
const blocks: Record<number, readonly [number, number]> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  6: [32, 22],
  7: [32, 24],
  8: [32, 34],
  9: [32, 40],
  10: [256, 84],
  11: [256, 110],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  15: [256, 292],
  16: [256, 66],
  17: [256, 74],
  18: [256, 98],
  19: [256, 50],
  20: [32, 18],
  21: [256, 110],
  22: [256, 82],
  23: [256, 136],
  24: [1, 1],
  25: [1, 2],
  26: [1, 4],
  27: [1, 8],
  28: [1, 8],
  29: [256, 56],
  30: [1, 2],
  34: [256, 54],
  35: [256, 66],
  39: [32, 17],
  40: [64, 36],
  41: [128, 18],
}

/** Least bytes of a tensor's description: length of its name, number of dimensions, type, offset. */
const tensorInfoBytes = 24n
/** Least bytes of a key: length of its name, type, value. */
const keyBytes = 13n

/**
 * Reads the metadata of a local GGUF file and checks that every tensor lies inside the file.
 *
 * Parsing a header takes tenths of a second of pure computing, and a hostile one can make it take all memory that it gets (the
 * parser bounds counts, not their product): call this in a worker thread with resource limits only.
 *
 * @throws LLMError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_MODEL_INVALID (no GGUF, truncated, damaged) or
 * ERR_UNSUPPORTED_MODEL (one part of a split model, an adapter)
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const size = await requireFile(path, 'expected a GGUF model')
  const invalid = (text: string, cause?: unknown): LLMError =>
    new LLMError('ERR_MODEL_INVALID', `${path}: ${text}`, cause === undefined ? {} : { cause })
  const start = await readStart(path, 24)
  if (start.toString('latin1', 0, 4) !== 'GGUF') throw invalid('expected a GGUF file, which starts with "GGUF"')
  if (start.length < 24) throw invalid(`expected a GGUF header of 24 bytes, found ${start.length}`)
  // Past the end of the file the parser reads zeros, of which it makes millions of empty tensors and keys.
  const version = start.readUInt32LE(4)
  const [tensorCount, keyCount] =
    version === 1
      ? [start.readUInt32LE(8), start.readUInt32LE(12)]
      : [start.readBigUInt64LE(8), start.readBigUInt64LE(16)]
  if (BigInt(tensorCount) * tensorInfoBytes + BigInt(keyCount) * keyBytes > size)
    throw invalid(
      `its header promises ${tensorCount} tensors and ${keyCount} keys, too many for a file of ${size} bytes`,
    )

  // Loaded on first use: it takes longer than all the rest of this package.
  const { gguf } = await import('@huggingface/gguf')
  const parsed = await gguf(path, { allowLocalFile: true }).catch((cause: unknown) => {
    throw invalid(`damaged GGUF metadata (${cause instanceof Error ? cause.message : 'unknown failure'})`, cause)
  })
  if (parsed.tensorDataOffset > size && parsed.tensorInfos.length > 0)
    throw invalid(`the file is truncated: its header alone takes ${parsed.tensorDataOffset} bytes, found ${size}`)
  if (!parsed.littleEndian)
    throw new LLMError('ERR_UNSUPPORTED_MODEL', `${path}: a big-endian GGUF; expected a little-endian one`)

  const metadata = new JsonObject(path, { ...parsed.metadata })
  const parts = metadata.integer('split.count', 0) ?? 0
  if (parts > 1 || /-\d{5}-of-\d{5}\.gguf$/.test(path))
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `${path}: one part of a split GGUF; join the parts first, with llama-gguf-split --merge`,
    )
  const type = metadata.string('general.type') ?? 'model'
  if (type !== 'model')
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `${path}: expected "general.type" to be "model", found ${JSON.stringify(type)}`,
    )
  const architecture = metadata.string('general.architecture')
  if (architecture === undefined) throw metadata.invalid('general.architecture', 'a string')
  if (parsed.tensorInfos.length === 0) throw invalid('the file holds no tensors')

  const tensors = new Map<string, readonly number[]>()
  for (const tensor of parsed.tensorInfos) {
    const end = parsed.tensorDataOffset + tensor.offset + tensorBytes(tensor)
    if (end > size)
      throw invalid(
        `the file is truncated: tensor ${JSON.stringify(tensor.name.slice(0, 80))} ends at byte ${end}, the file at ${size}`,
      )
    tensors.set(tensor.name, tensor.shape.map(Number))
  }
  return { path, architecture, metadata, tensors }
}

/** Bytes of a tensor; 0 when its type is not known here, which the runtime then refuses by itself. */
function tensorBytes({ dtype, shape }: GGUFTensorInfo): bigint {
  const [weights, bytes] = blocks[dtype] ?? [1, 0]
  return (shape.reduce((product, length) => product * length, 1n) / BigInt(weights)) * BigInt(bytes)
}
