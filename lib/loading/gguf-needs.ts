import { prefillChunk } from '../devices/prefill-chunk.js'
import { deviceKind } from '../devices/table.js'
import { type MemoryNeeds, memoryNeeds } from '../memory/needs.js'
import { configFiles } from '../model/gguf/configs.js'
import type { GgufHeader } from '../model/gguf/metadata.js'
import { loadDefaults } from '../options/load.js'

/** Measured on converted Llamas: bytes of openvino_model.xml for a layer. */
const graphBytesPerLayer = 90_000

/**
 * What a GGUF will need on the default device once it is converted, with one request of full context: as `estimate`, but by its header alone.
 * Its weights are taken as large as they are in the file.
 *
 * @param header that of the first part will do
 * @param bytes of the file, or of all its parts
 * @throws LLMError ERR_UNSUPPORTED_MODEL, ERR_MODEL_INVALID
 */
export function ggufNeeds(header: GgufHeader, bytes: number): MemoryNeeds {
  const { config } = configFiles(header)
  const layers = config['num_hidden_layers'] as number
  const hidden = config['hidden_size'] as number
  const mean = (value: unknown, otherwise: number): number => {
    const values = [value ?? otherwise].flat() as number[]
    return values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length)
  }
  const heads = mean(config['num_attention_heads'], 1)
  const kvHeads = mean(config['num_key_value_heads'], heads)
  const keyLength = (config['head_dim'] as number | undefined) ?? hidden / heads
  const valueLength = header.metadata.integer(`${header.architecture}.attention.value_length`, 0) ?? keyLength
  const inner = mean(config['intermediate_size'], 4 * hidden)
  const cpu = deviceKind(loadDefaults.device)
  return memoryNeeds({
    weights: { i8: bytes },
    weightsBytes: bytes,
    graphBytes: layers * graphBytesPerLayer,
    vocabularySize: config['vocab_size'] as number,
    kvValuesPerToken: layers * kvHeads * (keyLength + valueLength),
    matmulWidth: layers * (heads * keyLength + kvHeads * (keyLength + valueLength) + 2 * hidden + 2 * inner),
    layers,
    builtinKernels: cpu.builtinKernels,
    packedBytes: 0,
    keepsPages: process.platform !== 'linux',
    inferencePrecision: 'f32',
    kvPrecision: cpu.kvPrecision,
    prefillChunk: prefillChunk(cpu, bytes, 'paged'),
    contextLength: config['max_position_embeddings'] as number,
    concurrency: 1,
    helps: false,
  })
}
