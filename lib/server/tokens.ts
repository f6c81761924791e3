import * as check from '../options/rules.js'
import type { ChatMessage } from '../text/template/messages.js'
import { ApiError } from './api-error.js'
import type { Exchange } from './exchange.js'
import { readField } from './fields.js'
import type { ServedModels } from './models.js'

const ids = { expected: 'an array of token ids', accepts: (value: unknown) => Array.isArray(value) }

/** POST /tokenize, in vLLM's shapes: a text as `prompt`, or `messages`. */
export async function tokenize(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  const { model } = await models.of(body['model'], exchange)
  const text = readField(body, 'prompt', check.string) as string | undefined
  const messages = readField(body, 'messages', check.array) as ChatMessage[] | undefined
  const special = readField(body, 'add_special_tokens', check.boolean) as boolean | undefined
  const open = readField(body, 'add_generation_prompt', check.boolean) as boolean | undefined
  if ((text === undefined) === (messages === undefined)) {
    throw ApiError.invalid('prompt', 'expected either prompt or messages')
  }
  const { tokens } = await model.tokenize((text ?? messages) as string, {
    ...(special === false && { bos: 'never' }),
    ...(messages && open !== undefined && { addGenerationPrompt: open }),
  })
  return Response.json({ tokens: [...tokens], count: tokens.length, max_model_len: model.info.contextLength })
}

/** POST /detokenize */
export async function detokenize(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  const { model } = await models.of(body['model'], exchange)
  const tokens = readField(body, 'tokens', ids) as number[] | undefined
  if (tokens === undefined)
    throw ApiError.invalid('tokens', 'expected tokens to be an array of token ids, received none')
  return Response.json({ prompt: await model.detokenize(tokens) })
}

/** GET /tokenizer_info: what lm_eval asks for before it scores. */
export async function tokenizerInfo(
  models: ServedModels,
  exchange: Exchange,
  name: string | undefined,
): Promise<Response> {
  const { model } = await models.of(name, exchange)
  const { stopTokenIds, contextLength, vocabularySize } = model.info
  const [eos] = stopTokenIds
  return Response.json({
    eos_token: eos === undefined ? null : await model.detokenize([eos]),
    eos_token_id: eos ?? null,
    stop_token_ids: stopTokenIds,
    model_max_length: contextLength,
    vocab_size: vocabularySize,
  })
}
