import type { RequestDefaults } from '../options/generation.js'
import type { LoadOptions } from '../options/load.js'
import type { TextRewrite } from '../options/rewrite.js'

/** The options of a load that a model.yaml can set. */
export type YamlLoadOptions = Pick<
  LoadOptions,
  'device' | 'threads' | 'precision' | 'kvCachePrecision' | 'ovConfig' | 'maxSequences' | 'maxQueue'
>

/** A file that a model.yaml wants beside it. */
export interface Download {
  /** Relative, without `..`. */
  filename: string
  uri: string
  /** Lower case, or '' for none. */
  sha256: string
}

/** What a model.yaml says, checked: paths and names are as they stand there. */
export interface ModelYaml {
  /** Where it was read: a path or a URL. */
  file: string
  name: string
  description: string
  usage: string
  /** Another name that the model is served under, or ''. */
  alias: string
  /** `parameters.model`: what is loaded. */
  model: string
  /** Options of the load, weaker than the caller's. */
  load: YamlLoadOptions
  /** Positions that prompt and answer may share, and the key that says so. */
  contextLimit: { tokens: number; key: string } | undefined
  /** Options of every request. */
  defaults: RequestDefaults
  /** End answers, beside a request's own. */
  stopWords: string[]
  /** What becomes of a whole answer; undefined leaves it as it is. */
  rewrite: TextRewrite | undefined
  /** Seconds after which a caller that was turned away may ask again. */
  retryAfterSeconds: number | undefined
  downloads: Download[]
  /** What is not done, in sentences. */
  warnings: string[]
}
