import type { GenerationOptions } from '../../options/generation.js'
import * as check from '../../options/rules.js'
import type { Exchange } from '../exchange.js'
import { readField } from '../fields.js'
import type { ServedModels } from '../models.js'
import { nothingAsked, respond, type Said } from './answers.js'
import { messagesOf } from './history.js'
import { bareName, readRequest } from './request.js'

/** POST /api/chat */
export async function chat(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  const named = await models.of(bareName(models, body['model']), exchange)
  const request = readRequest(body, ['messages', 'tools'], named, exchange.limits)
  const tools = readField(body, 'tools', check.array) as GenerationOptions['tools']
  const messages = messagesOf(body['messages'] ?? [])
  if (messages.length === 0) return Response.json(nothingAsked(named, saying, body['keep_alive']))
  const options = { ...request.options, ...(tools?.length && { tools }), ...exchange.requestOptions }
  const answer = exchange.generate(named, messages, options, request.stream)
  return await respond(answer, named, saying, exchange, request.stream)
}

function saying({ text = '', thinking = '', calls = [], firstCall = 0 }: Said) {
  const called = calls.map(({ id, name, arguments: given }, index) => ({
    id,
    function: { index: firstCall + index, name, arguments: given },
  }))
  return {
    message: {
      role: 'assistant',
      content: text,
      ...(thinking !== '' && { thinking }),
      ...(called.length > 0 && { tool_calls: called }),
    },
  }
}
