import type { Prompt } from '../generation/prompt.js'
import type { GenerationResult } from '../generation/result.js'
import type { GenerationStream } from '../generation/stream.js'
import type { GenerationOptions } from '../options/generation.js'
import * as check from '../options/rules.js'
import { ApiError } from './api-error.js'
import { completionHead } from './completion-head.js'
import { doneEvents, eventStream } from './event-stream.js'
import type { Exchange } from './exchange.js'
import { answerRequest, readField, textRequest } from './fields.js'
import { withModel } from './loading-stream.js'
import { merged } from './merged.js'
import type { NamedModel, ServedModels } from './models.js'
import { type TextLogprobs, textLogprobs } from './probabilities.js'
import { showsTokens, tokenIds } from './token-ids.js'
import { finishReasons, usageOf } from './usage.js'

const own = ['prompt', 'logprobs', 'echo', 'suffix', 'best_of', 'return_token_ids']

/** Tokens of an answer whose length was not given: OpenAI's. */
const usualTokens = 16

/** Prompts of one request. */
const mostPrompts = 256

/** What is shown of a prompt's answer beside it. */
interface Shown {
  /** The prompt's text comes first. */
  echo: boolean
  logprobs: boolean
  /** Ids of the answer's tokens. */
  tokens: boolean
}

/** One prompt of a request and its answers. */
interface Asked {
  answer: GenerationStream
  /** Of its first answer among all choices. */
  index: number
  /** '' unless it is echoed. */
  text: string
}

/** POST /v1/completions */
export async function completions(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  return await withModel(models, exchange, body, doneEvents, async (named) => {
    const request = answerRequest(body, textRequest, own, named, exchange.limits)
    const shown = shownOf(body)
    const prompts = promptsOf(body['prompt'])
    const options: GenerationOptions = {
      maxNewTokens: usualTokens,
      ...request.options,
      ...logprobsOptions(body, shown.echo),
      ...exchange.requestOptions,
    }
    // One prompt that fails ends the others.
    const failed = prompts.length === 1 ? undefined : new AbortController()
    const { signal: left } = options
    const signal = failed ? AbortSignal.any([left as AbortSignal, failed.signal]) : left
    const { numReturnSequences = 1 } = options
    const asked: Asked[] = []
    try {
      for (const [i, prompt] of prompts.entries()) {
        const text = shown.echo ? await textOf(prompt, named) : ''
        const answer = exchange.generate(named, prompt, { ...options, signal }, request.stream)
        asked.push({ answer, index: i * numReturnSequences, text })
      }
      if (request.stream) return await eventStream(chunks(asked, named, shown, request.includeUsage), exchange.events)
      const results = await Promise.all(asked.map(({ answer }) => answer.result))
      return Response.json({
        ...headOf(exchange, named),
        choices: asked.flatMap((each, i) => choicesOf(each, results[i] as GenerationResult, shown)),
        usage: usageOf(results),
      })
    } catch (error) {
      failed?.abort()
      throw error
    }
  })
}

function shownOf(body: Readonly<Record<string, unknown>>): Shown {
  if ((readField(body, 'suffix', check.string) ?? '') !== '') {
    throw ApiError.invalid(
      'suffix',
      "expected suffix to be '': put the model's own fill-in-the-middle tokens into prompt",
    )
  }
  readField(body, 'best_of', check.integer(1, 1))
  return {
    echo: (readField(body, 'echo', check.boolean) ?? false) as boolean,
    logprobs: readField(body, 'logprobs', check.integer(0, 20)) !== undefined,
    tokens: showsTokens(body),
  }
}

function logprobsOptions(body: Readonly<Record<string, unknown>>, echo: boolean): GenerationOptions {
  const logprobs = (body['logprobs'] ?? undefined) as number | undefined
  if (logprobs === undefined) return {}
  return { logprobs, ...(echo && { promptLogprobs: logprobs }) }
}

/** @throws ApiError 400 */
function promptsOf(prompt: unknown): Prompt[] {
  if (typeof prompt === 'string') return [prompt]
  if (Array.isArray(prompt) && prompt.length > 0 && prompt.length <= mostPrompts) {
    if (prompt.every((each) => typeof each === 'string')) return prompt as string[]
    if (prompt.every(isIds)) return prompt.map((tokens) => ({ tokens }))
  }
  if (isIds(prompt)) return [{ tokens: prompt }]
  throw ApiError.invalid(
    'prompt',
    `expected prompt to be a text, token ids, or an array of at most ${mostPrompts} of either, received ${check.describe(prompt)}`,
  )
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((id) => Number.isInteger(id))
}

async function textOf(prompt: Prompt, { model }: NamedModel): Promise<string> {
  return typeof prompt === 'string' ? prompt : await model.detokenize((prompt as { tokens: number[] }).tokens)
}

const headOf = ({ requestId }: Exchange | GenerationStream, named: NamedModel) =>
  completionHead('text_completion', `cmpl-${requestId}`, named)

function choicesOf({ index, text: prompt }: Asked, result: GenerationResult, shown: Shown) {
  return result.answers.map(({ text, finishReason, stoppedBy, tokens, logprobs = [] }, i) => ({
    index: index + i,
    text: prompt + text,
    logprobs: shown.logprobs ? ofBoth(result, logprobs, prompt) : null,
    finish_reason: finishReasons[finishReason],
    stop_reason: stoppedBy,
    ...tokenIds(shown.tokens, { tokens }),
  }))
}

/** Of an echoed prompt and of the answer behind it. */
function ofBoth(
  { promptLogprobs = [] }: GenerationResult,
  logprobs: NonNullable<GenerationResult['logprobs']>,
  prompt: string,
): TextLogprobs {
  const before = textLogprobs(promptLogprobs, 0)
  const after = textLogprobs(logprobs, prompt.length)
  return {
    tokens: [...before.tokens, ...after.tokens],
    token_logprobs: [...before.token_logprobs, ...after.token_logprobs],
    top_logprobs: [...before.top_logprobs, ...after.top_logprobs],
    text_offset: [...before.text_offset, ...after.text_offset],
  }
}

async function* chunks(
  asked: readonly Asked[],
  named: NamedModel,
  shown: Shown,
  includeUsage: boolean,
): AsyncGenerator<object> {
  const head = { ...headOf((asked[0] as Asked).answer, named), ...(includeUsage && { usage: null }) }
  const choice = (index: number, text: string, rest: object = {}) => ({
    ...head,
    choices: [{ index, text, logprobs: null, finish_reason: null, ...rest }],
  })
  /** Where the next text of a choice begins. */
  const offsets = new Map<number, number>()
  // The probabilities of a prompt come with the result: such choices come whole.
  const whole = shown.echo && shown.logprobs
  for await (const [at, part] of whole ? [] : merged(asked.map(({ answer }) => answer))) {
    const { index: first, text: prompt } = asked[at] as Asked
    const index = first + part.index
    const begun = offsets.get(index)
    const offset = begun ?? prompt.length
    offsets.set(index, offset + part.text.length)
    const logprobs = shown.logprobs ? textLogprobs(part.logprobs ?? [], offset) : null
    yield choice(index, (begun === undefined ? prompt : '') + part.text, { logprobs, ...tokenIds(shown.tokens, part) })
  }
  const results = await Promise.all(asked.map(({ answer }) => answer.result))
  for (const [i, result] of results.entries()) {
    const { index, text: prompt } = asked[i] as Asked
    for (const [j, { finishReason, stoppedBy }] of result.answers.entries()) {
      if (whole) {
        yield { ...head, choices: [choicesOf(asked[i] as Asked, result, shown)[j]] }
        continue
      }
      const missing = offsets.has(index + j) ? '' : prompt
      yield choice(index + j, missing, { finish_reason: finishReasons[finishReason], stop_reason: stoppedBy })
    }
  }
  if (includeUsage) yield { ...head, choices: [], usage: usageOf(results) }
}
