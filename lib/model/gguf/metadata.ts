import { LLMError } from '../../errors.js'
import { JsonObject } from '../json-object.js'
import { requireFile } from '../model-file.js'
import { Cursor } from './cursor.js'
import { readTensorInfos, type TensorInfo, tensorBytes } from './tensors.js'
import { keyBytes, readValues } from './values.js'

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
  /** Contents of the tensors with the factors of rotary embeddings, by name. */
  ropeFactors: ReadonlyMap<string, readonly number[]>
}

/** Versions that OpenVINO reads. In version 1 lengths have 32 bits. */
const versions = [2, 3]

/**
 * Reads the metadata of a local GGUF file and checks that every tensor lies inside the file.
 *
 * Parsing a header takes tenths of a second and blocks: call this in a worker thread.
 *
 * @param part whether the first part of a split model will do: it has the metadata, and some of the tensors
 * @throws LLMError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_MODEL_INVALID (no GGUF, truncated, damaged) or
 * ERR_UNSUPPORTED_MODEL (an old or big-endian GGUF, one part of a split model, an adapter)
 */
export async function readGgufHeader(path: string, { part = false } = {}): Promise<GgufHeader> {
  const cursor = new Cursor(path, await requireFile(path, 'expected a GGUF model'))
  try {
    const { metadata, infos } = readTables(cursor)
    const architecture = checkKind(metadata, part)
    if (infos.size === 0 && !part) throw cursor.invalid('the file holds no tensors')
    const { start } = checkTensors(cursor, metadata, infos)
    return {
      path,
      architecture,
      metadata,
      tensors: new Map([...infos.values()].map(({ name, shape }) => [name, shape])),
      ropeFactors: readFactors(cursor, start, infos),
    }
  } finally {
    cursor.close()
  }
}

/** Everything before the tensors. @param onKey as `readValues` */
export function readTables(
  cursor: Cursor,
  onKey?: Parameters<typeof readValues>[2],
): { metadata: JsonObject; infos: Map<string, TensorInfo> } {
  checkMagic(cursor)
  const tensorCount = cursor.count(tensorBytes, 'tensors')
  const keyCount = cursor.count(keyBytes, 'keys')
  const metadata = new JsonObject(cursor.path, readValues(cursor, keyCount, onKey))
  return { metadata, infos: readTensorInfos(cursor, tensorCount) }
}

function checkMagic(cursor: Cursor): void {
  const { path, size } = cursor
  if (size < 24) throw cursor.invalid(`expected a GGUF header of 24 bytes, found a file of ${size}`)
  if (cursor.u32() !== 0x46554747) throw cursor.invalid('expected a GGUF file, which starts with "GGUF"')
  const version = cursor.u32()
  if (versions.includes(version)) return
  const bigEndian = (version & 0xffff) === 0
  throw new LLMError(
    'ERR_UNSUPPORTED_MODEL',
    `${path}: expected a little-endian GGUF of version ${versions.join(' or ')}, found ${bigEndian ? 'a big-endian one' : `version ${version}`}`,
  )
}

/** @returns the architecture */
function checkKind(metadata: JsonObject, part: boolean): string {
  const { file } = metadata
  const parts = metadata.integer('split.count', 0) ?? 0
  if (parts > 1 && !part)
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `${file}: 1 of ${parts} parts of a split GGUF, which are found by their names: …-00001-of-${`${parts}`.padStart(5, '0')}.gguf`,
    )
  const type = metadata.string('general.type') ?? 'model'
  if (type !== 'model')
    throw new LLMError(
      'ERR_UNSUPPORTED_MODEL',
      `${file}: expected "general.type" to be "model", found ${JSON.stringify(type)}`,
    )
  const architecture = metadata.string('general.architecture')
  if (architecture === undefined) throw metadata.invalid('general.architecture', 'a string')
  return architecture
}

/**
 * Checks that all tensors lie inside the file.
 * @returns the offset of the first one in the file, and of what the offsets of all are multiples
 */
export function checkTensors(
  cursor: Cursor,
  metadata: JsonObject,
  tensors: ReadonlyMap<string, TensorInfo>,
): { start: number; unit: number } {
  const alignment = metadata.number(
    'general.alignment',
    'a power of two',
    (value) => value >= 1 && value <= 2 ** 30 && Number.isInteger(Math.log2(value)),
  )
  const unit = alignment ?? 32
  const start = Math.ceil(cursor.position / unit) * unit
  for (const { name, offset, bytes } of tensors.values()) {
    const end = start + offset + bytes
    if (end > cursor.size)
      throw cursor.invalid(
        `the file is truncated: tensor ${JSON.stringify(name.slice(0, 80))} ends at byte ${end}, the file at ${cursor.size}`,
      )
    if (offset % unit !== 0)
      throw cursor.invalid(
        `expected tensor ${JSON.stringify(name.slice(0, 80))} to begin at a multiple of ${unit} bytes, found ${offset}`,
      )
  }
  return { start, unit }
}

/** Frequencies of rotary embeddings that a head may have: half of its size. */
const maxFactors = 4096

function readFactors(
  cursor: Cursor,
  start: number,
  tensors: ReadonlyMap<string, TensorInfo>,
): Map<string, readonly number[]> {
  const factors = new Map<string, readonly number[]>()
  for (const name of ['rope_freqs.weight', 'rope_factors_short.weight', 'rope_factors_long.weight']) {
    const tensor = tensors.get(name)
    if (!tensor) continue
    const length = tensor.shape.reduce((product, size) => product * size, 1)
    if (tensor.type !== 0 || length > maxFactors)
      throw cursor.invalid(`expected "${name}" to hold at most ${maxFactors} numbers of type F32`)
    cursor.position = start + tensor.offset
    const numbers = Array.from({ length }, () => cursor.f32())
    if (!numbers.every((factor) => Number.isFinite(factor) && factor > 0))
      throw cursor.invalid(`expected "${name}" to hold positive numbers`)
    factors.set(name, numbers)
  }
  return factors
}
