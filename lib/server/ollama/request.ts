import type { GenerationOptions } from '../../options/generation.js'
import type { ResponseFormat } from '../../options/response-format.js'
import * as check from '../../options/rules.js'
import { ApiError } from '../api-error.js'
import { answerRequest, as, type FieldSet, readField } from '../fields.js'
import type { Limits } from '../limits.js'
import type { NamedModel, ServedModels } from '../models.js'
import { thinkingOn } from '../thinking.js'

type Fields = Readonly<Record<string, unknown>>

const limit: check.Rule = {
  expected: 'an integer of at least 1, or -1 or -2 for no limit',
  accepts: (value) => value === -1 || value === -2 || check.integer(1).accepts(value),
}
/** Below 0 stands for what is so without the field. */
const positive = (value: number): number | undefined => (value < 0 ? undefined : value)

/** `options` of a request. */
const optionFields: FieldSet = {
  fields: {
    num_predict: as('maxNewTokens', { ...limit, value: positive }),
    temperature: as('temperature'),
    top_k: as('topK'),
    top_p: as('topP'),
    min_p: as('minP'),
    typical_p: as('typicalP'),
    seed: as('seed', { ...check.integer(-1, 2 ** 32 - 1), value: positive }),
    stop: as('stop', check.either(check.string, check.listOf(check.string, 64))),
    repeat_penalty: as('repetitionPenalty'),
    presence_penalty: as('presencePenalty'),
    frequency_penalty: as('frequencyPenalty'),
  },
  // How Ollama lays a model into memory; here that is decided when it is loaded.
  others: [
    ...['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'num_keep', 'numa', 'low_vram', 'f16_kv'],
    ...['use_mmap', 'use_mlock', 'logits_all', 'vocab_only', 'embedding_only'],
    // Penalties here look at the whole answer, line ends included.
    ...['repeat_last_n', 'penalize_newline'],
    // Those of samplers that are off.
    ...['mirostat_tau', 'mirostat_eta'],
  ],
}

/** Samplers that do not exist here, and how they are off. */
const off: Readonly<Record<string, check.Rule>> = {
  mirostat: check.number('0', (value) => value === 0),
  tfs_z: check.number('1', (value) => value === 1),
}

/** Fields of all requests for an answer. */
const common = ['model', 'stream', 'format', 'options', 'keep_alive', 'think']

/** A checked request. */
export interface OllamaRequest {
  options: GenerationOptions
  stream: boolean
}

/**
 * Checks a request.
 * @param own names of further fields, which the caller reads
 * @throws ApiError 400 for a field that is wrong or unknown
 */
export function readRequest(body: Fields, own: readonly string[], named: NamedModel, limits: Limits): OllamaRequest {
  answerRequest(body, { fields: {}, others: common }, own, named, limits)
  readField(body, 'keep_alive', check.either(check.number('of seconds', Number.isFinite), check.string))
  const given = (readField(body, 'options', check.object) ?? {}) as Fields
  const { options } = answerRequest(given, optionFields, Object.keys(off), named, limits)
  for (const [name, rule] of Object.entries(off)) readField(given, name, rule)
  return {
    options: { ...options, ...thinkOptions(body), ...formatOptions(body) },
    stream: (readField(body, 'stream', check.boolean) ?? true) as boolean,
  }
}

/** What a request calls a model, without the tag that Ollama gives to names without one. */
export function bareName(models: ServedModels, name: unknown): unknown {
  const tag = ':latest'
  if (typeof name !== 'string' || !name.endsWith(tag)) return name
  const known = models.all.some((entry) => entry.name === name || entry.aliases.includes(name))
  return known ? name : name.slice(0, -tag.length)
}

/** Pictures are not for models of text. @throws ApiError 400 */
export function refuseImages(images: unknown, place: string): void {
  if (images === undefined || images === null || (Array.isArray(images) && images.length === 0)) return
  throw ApiError.invalid('images', `expected ${place} to be empty: the model reads text`)
}

const think = check.either(check.boolean, check.oneOf('low', 'medium', 'high', 'max'))

function thinkOptions(body: Fields): GenerationOptions {
  const wanted = readField(body, 'think', think)
  if (wanted === undefined) return {}
  if (wanted === false) return { reasoning: 'off' }
  if (wanted === true) return thinkingOn
  return { reasoning: wanted === 'max' ? 'high' : (wanted as 'low' | 'medium' | 'high') }
}

function formatOptions(body: Fields): GenerationOptions {
  const format = body['format'] ?? ''
  if (format === '') return {}
  if (format === 'json') return { responseFormat: { type: 'json' } }
  if (!check.object.accepts(format)) {
    throw ApiError.invalid(
      'format',
      `expected format to be 'json' or a JSON schema, received ${check.describe(format)}`,
    )
  }
  return { responseFormat: { type: 'json_schema', schema: format } as ResponseFormat }
}
