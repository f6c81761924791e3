import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileError } from '../file-error.js'
import type { ModelInfo } from '../info.js'

/** Which model results are of. */
export interface ModelIdentity {
  name: string
  /** Of its graph, its tokenizer, and samples of its weights. */
  sha256: string
}

// All of the weights would take longer than many an evaluation. A model that was trained further differs everywhere.
const samples = 64
const sampleBytes = 65_536

/** What the files of a model are, wherever they lie. */
export async function modelIdentity({ folder, source }: Pick<ModelInfo, 'folder' | 'source'>): Promise<ModelIdentity> {
  const hash = createHash('sha256')
  for (const name of ['openvino_model.xml', 'tokenizer.json', 'openvino_model.bin']) {
    const path = join(folder, name)
    try {
      await using file = await open(path)
      await addSamples(hash, file)
    } catch (error) {
      throw fileError(path, error)
    }
  }
  return { name: basename(source.path), sha256: hash.digest('hex') }
}

/** Adds the size of a file and its whole content, or evenly spaced parts of it. */
async function addSamples(hash: Hash, file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  hash.update(`${size}\n`)
  const buffer = Buffer.alloc(sampleBytes)
  const parts = Math.min(samples, Math.ceil(size / sampleBytes))
  for (let i = 0; i < parts; i++) {
    const even = parts > 1 ? Math.floor((i * (size - sampleBytes)) / (parts - 1)) : 0
    const position = size <= samples * sampleBytes ? i * sampleBytes : even
    const { bytesRead } = await file.read(buffer, 0, sampleBytes, position)
    hash.update(buffer.subarray(0, bytesRead))
  }
}
