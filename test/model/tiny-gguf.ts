import type { GgufValue } from './gguf-writer.js'

/** Metadata of a tiny byte-level model: enough for every file of a folder. */
export const tinyMetadata: Record<string, GgufValue> = {
  'general.architecture': 'llama',
  'llama.context_length': 128,
  'llama.embedding_length': 8,
  'llama.block_count': 1,
  'llama.attention.head_count': 2,
  'llama.attention.layer_norm_rms_epsilon': { f32: 0.5 },
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'gpt-2',
  'tokenizer.ggml.tokens': ['<s>', '<|im_end|>', '<tool>', 'a', 'b', 'Ġ', 'ab', 'Ġab'],
  'tokenizer.ggml.token_type': [3, 3, 4, 1, 1, 1, 1, 1],
  'tokenizer.ggml.merges': ['a b', 'Ġ ab'],
  'tokenizer.ggml.bos_token_id': 0,
  'tokenizer.ggml.eos_token_id': 0,
  'tokenizer.chat_template': '{{ messages[0].content }}',
}

export const tinyTensors = { 'token_embd.weight': [8, 10], 'output_norm.weight': [8] }
