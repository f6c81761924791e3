import type { DefaultsLayer } from '../options/defaults.js'
import type { TextSource } from '../text/text-source.js'
import type { Border } from './attention-borders.js'
import type { Verdict } from './verdict.js'

/** What a file of the model asks of every request. */
export interface FileDefaults extends DefaultsLayer {
  /** Fields that would change the answer and that no option applies, e.g. `guidance_scale 1.5`. */
  unsupported: string[]
}

/** Everything the other stages need to know of a model, read from its files and validated. Paths are absolute. */
export interface ModelDefinition {
  /** What the caller referred to: a folder, or the GGUF file that `folder` was converted from. */
  source: { kind: 'folder' | 'gguf'; path: string }
  /** Folder that holds all files. */
  folder: string
  /** openvino_model.xml. */
  modelPath: string
  /** openvino_model.bin. */
  weightsPath: string
  /** Size of {@link weightsPath}, in bytes. */
  weightsBytes: number
  /** `model_type` of config.json. */
  modelType: string
  /** Tokens that prompt and answer may have together. ≥ 1. */
  contextLength: number
  /** Why that is less than what config.json says, or ''. */
  contextReason: string
  /** Beyond it the model needs the second set of its LongRoPE factors; undefined when it has none, or no more positions. */
  longRopeBorder: number | undefined
  /** Tokens that a token of some layers sees before it, by config.json; undefined when all see everything. ≥ 1. */
  slidingWindow: number | undefined
  /** Keys and values of one token in all layers, in numbers, by config.json; undefined when it does not tell. */
  kvValuesPerToken: number | undefined
  /** Where attention or positions change with the length of a sequence, by config.json; ascending. */
  attentionBorders: Border[]
  /** What an export leaves out of the original, by config.json, a sentence each. */
  exportLosses: string[]
  /** What checking the model found, if that was stored and is about these files. */
  verdict: Verdict | undefined
  /** `vocab_size` of config.json. The embedding table in the graph decides; this is for comparison. */
  vocabularySize: number | undefined
  /** Defaults of requests by the model's files, the strongest file first. */
  defaults: FileDefaults[]
  /** Why the defaults of a model card do not count, or ''. */
  cardDoubt: string
  /** `stop_strings` of generation_config.json. */
  stopStrings: string[]
  /** Ends of sequence by generation_config.json and config.json together, ascending. */
  stopTokenIds: number[]
  text: TextSource
  /** Names of the files that were used, relative to {@link folder}. */
  files: string[]
}
