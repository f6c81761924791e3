import { generationTable, type RequestDefaults } from '../options/generation.js'
import * as check from '../options/rules.js'
import type { Download, ModelYaml } from './settings.js'

/** A {@link ModelYaml} while it is read. */
export interface Draft extends ModelYaml {
  cut: string[]
  extract: string[]
  prefixes: string[]
  suffixes: string[]
  echo: boolean
  cacheTypes: { k?: string; v?: string }
  goTemplates: string[]
  tokenizerTemplate: boolean | undefined
}

/** What is done with a key: its value sets something, it is accepted and named in a warning, or the file is refused. */
export type Key =
  | { does: 'set'; rule: check.Rule; set: (draft: Draft, value: never) => unknown }
  | { does: 'ignore'; why: string }
  | { does: 'refuse'; why: string }

const names = (limit: number) => check.listOf(check.string, limit)
const text: check.Rule = { expected: 'a text', accepts: check.string.accepts }
const filled: check.Rule = {
  expected: 'a text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
}
const words: check.Rule = {
  expected: 'a list of at most 64 texts that are not empty',
  accepts: (value) => names(64).accepts(value) && !(value as string[]).includes(''),
}
const scalar = (value: unknown): boolean =>
  ['string', 'boolean'].includes(typeof value) || (typeof value === 'number' && Number.isFinite(value))

function set<Value>(rule: check.Rule, apply: (draft: Draft, value: Value) => unknown): Key {
  return { does: 'set', rule, set: apply as (draft: Draft, value: never) => unknown }
}

/** A key whose value is kept as it is. */
function put(rule: check.Rule, field: keyof Draft): Key {
  return set(rule, (draft, value) => Object.assign(draft, { [field]: value }))
}

/** A key that gives the load an option, as it is. */
function load(rule: check.Rule, option: keyof ModelYaml['load']): Key {
  return set(rule, (draft, value) => Object.assign(draft.load, { [option]: value }))
}

/** A key that gives requests the default of an option, under that option's rule. */
function request(option: keyof RequestDefaults): Key {
  return set(generationTable[option], (draft, value) => Object.assign(draft.defaults, { [option]: value }))
}

/** The same, with numbers that stand for what the option says in another way. */
function requestOr(option: keyof RequestDefaults, expected: string, read: (value: number) => number | undefined): Key {
  const { accepts } = generationTable[option] as check.Rule
  const rule: check.Rule = {
    expected,
    accepts: (value) => typeof value === 'number' && Number.isInteger(value) && accepts(read(value) ?? 1),
  }
  return set(rule, (draft, value: number) => {
    const meant = read(value)
    if (meant !== undefined) Object.assign(draft.defaults, { [option]: meant })
  })
}

const oneOf = (table: Readonly<Record<string, string>>) => check.oneOf(...Object.keys(table))
const cacheTypes: Readonly<Record<string, string>> = { f16: 'f16', q8_0: 'u8', q4_0: 'u4' }
const precisions: Readonly<Record<string, string>> = {
  auto: 'auto',
  f32: 'f32',
  float32: 'f32',
  float: 'f32',
  f16: 'f16',
  float16: 'f16',
  half: 'f16',
  bf16: 'bf16',
  bfloat16: 'bf16',
}

const cacheType = (part: 'k' | 'v'): Key =>
  set(oneOf(cacheTypes), (draft, value: string) => {
    draft.cacheTypes[part] = cacheTypes[value] as string
  })

const limitContext = (key: string): Key =>
  set(check.integer(2), (draft, tokens: number) => {
    if (draft.contextLimit === undefined || tokens < draft.contextLimit.tokens) draft.contextLimit = { tokens, key }
  })

const property = (draft: Draft, name: string, value: string | number | boolean): void => {
  draft.load.ovConfig = { ...draft.load.ovConfig, [name]: value }
}

const isDownload = (value: unknown): boolean => {
  if (!check.object.accepts(value)) return false
  const { filename, uri, sha256 = '', ...others } = value as Record<string, unknown>
  return (
    filled.accepts(filename) &&
    filled.accepts(uri) &&
    (sha256 === '' || /^[0-9a-f]{64}$/i.test(String(sha256))) &&
    Object.keys(others).length === 0
  )
}

const goTemplate = (name: string): Key => set(text, (draft) => draft.goTemplates.push(`template.${name}`))
const ignored = (why: string): Key => ({ does: 'ignore', why })
const refused = (why: string): Key => ({ does: 'refuse', why })
const elsewhere = ignored('it belongs to another backend')

/** Every key that is known, with the keys of nested mappings behind a dot. The page on model.yaml has the same list. */
export const keys: Readonly<Record<string, Key>> = {
  name: put(filled, 'name'),
  description: put(text, 'description'),
  usage: put(text, 'usage'),
  alias: put(text, 'alias'),
  backend: set(check.oneOf('transformers', 'openvino', ''), () => {}),
  type: set(check.oneOf('OVModelForCausalLM', ''), () => {}),
  disabled: set({ expected: 'false; the model is disabled', accepts: (value) => value === false }, () => {}),
  context_size: limitContext('context_size'),
  max_model_len: limitContext('max_model_len'),
  'template.use_tokenizer_template': put(check.boolean, 'tokenizerTemplate'),
  'template.chat': goTemplate('chat'),
  'template.chat_message': goTemplate('chat_message'),
  'template.completion': goTemplate('completion'),
  stopwords: set(words, (draft, value: string[]) => draft.stopWords.push(...value)),
  system_prompt: request('systemPrompt'),
  chat_template_kwargs: request('chatTemplateKwargs'),
  'parameters.model': put(filled, 'model'),
  'parameters.temperature': request('temperature'),
  'parameters.top_p': request('topP'),
  'parameters.top_k': requestOr('topK', 'an integer; 0 and below keep all', (value) => Math.max(value, 0)),
  'parameters.min_p': request('minP'),
  'parameters.typical_p': request('typicalP'),
  'parameters.max_tokens': requestOr('maxNewTokens', 'an integer; 0 and below are no limit', (value) =>
    value > 0 ? value : undefined,
  ),
  'parameters.seed': requestOr('seed', 'an integer from -1 to 4294967295; -1 is random', (value) =>
    value === -1 ? undefined : value,
  ),
  'parameters.repeat_penalty': request('repetitionPenalty'),
  'parameters.frequency_penalty': request('frequencyPenalty'),
  'parameters.presence_penalty': request('presencePenalty'),
  'parameters.n': request('numReturnSequences'),
  'parameters.logprobs': set(generationTable.logprobs, (draft, value: boolean | number) => {
    if (typeof draft.defaults.logprobs !== 'number') draft.defaults.logprobs = value
  }),
  'parameters.top_logprobs': set(check.integer(0, 20), (draft, value: number) => {
    draft.defaults.logprobs = value
  }),
  'parameters.logit_bias': request('logitBias'),
  'parameters.ignore_eos': request('ignoreEos'),
  'parameters.echo': put(check.boolean, 'echo'),
  threads: load(check.integer(1, 1024), 'threads'),
  main_gpu: load(filled, 'device'),
  mmap: set(check.boolean, (draft, value: boolean) => {
    if (!value) draft.warnings.push('mmap: false is not done: weights are always mapped from their file')
  }),
  cache_type_k: cacheType('k'),
  cache_type_v: cacheType('v'),
  dtype: set(oneOf(precisions), (draft, value: string) => {
    draft.load.precision = precisions[value] as NonNullable<Draft['load']['precision']>
  }),
  options: set(
    {
      expected: 'a list of at most 64 texts KEY:VALUE',
      accepts: (value) => names(64).accepts(value) && (value as string[]).every((one) => /^[^:\s]+:/.test(one)),
    },
    (draft, value: string[]) => {
      for (const one of value) property(draft, one.slice(0, one.indexOf(':')), one.slice(one.indexOf(':') + 1).trim())
    },
  ),
  engine_args: set(
    {
      expected: 'a mapping of at most 64 names to texts, numbers and booleans',
      accepts: (value) =>
        check.object.accepts(value) &&
        Object.keys(value as object).length <= 64 &&
        Object.values(value as object).every(scalar),
    },
    (draft, value: Record<string, string | number | boolean>) => {
      for (const [name, each] of Object.entries(value)) property(draft, name, each)
    },
  ),
  cutstrings: set(words, (draft, value: string[]) => draft.cut.push(...value)),
  extract_regex: set(words, (draft, value: string[]) => draft.extract.push(...value)),
  // An empty prefix takes the spaces alone away.
  trimspace: set(names(64), (draft, value: string[]) => draft.prefixes.push(...value)),
  trimsuffix: set(names(64), (draft, value: string[]) => draft.suffixes.push(...value)),
  download_files: set(
    {
      expected: 'a list of at most 64 mappings of filename, uri and sha256 (64 hexadecimal digits)',
      accepts: (value) => Array.isArray(value) && value.length <= 64 && value.every(isDownload),
    },
    (draft, value: Partial<Download>[]) => {
      for (const { filename = '', uri = '', sha256 = '' } of value)
        draft.downloads.push({ filename, uri, sha256: sha256.toLowerCase() })
    },
  ),
  'limits.max_concurrent': set(check.integer(1, 256), (draft, value: number) => {
    // Whoever comes beyond it is turned away, not queued.
    Object.assign(draft.load, { maxSequences: value, maxQueue: 0 })
  }),
  'limits.retry_after_seconds': put(
    check.number('of seconds ≥ 0', (value) => value >= 0),
    'retryAfterSeconds',
  ),
  f16: elsewhere,
  mmlock: elsewhere,
  low_vram: elsewhere,
  gpu_layers: elsewhere,
  tensor_split: elsewhere,
  numa: elsewhere,
  'rope_*': elsewhere,
  'yarn_*': elsewhere,
  flash_attention: elsewhere,
  batch: elsewhere,
  n_keep: elsewhere,
  swap_space: elsewhere,
  enforce_eager: elsewhere,
  roles: ignored("the tokenizer's chat template names the roles"),
  trust_remote_code: ignored('code of a repository is never executed, and not needed'),
  known_usecases: ignored('it says what the model is for'),
  quantization: refused(
    'weights are quantized when a model is exported: they are already int4, or whatever the export says',
  ),
  'lora_*': refused('this version applies no LoRA adapters'),
  mmproj: refused('this version runs text models only'),
  grammar: refused('this version reads no grammars from model.yaml'),
  tts: refused('this version runs text models only'),
  diffusers: refused('this version runs text models only'),
  pipeline: refused('this version builds no pipelines of models'),
  mcp: refused('this version runs no MCP servers'),
  agent: refused('this version runs no agents'),
  router: refused('this version routes between no models'),
  proxy: refused('this version forwards requests to no other server'),
  tfz: refused('tail-free sampling is not done'),
  'mirostat*': refused('Mirostat is not done'),
}

/** Mappings whose keys are looked at one by one. */
export const nested: readonly string[] = ['parameters', 'template', 'limits']
