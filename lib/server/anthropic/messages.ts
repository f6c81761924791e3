import type { GenerationOptions } from '../../options/generation.js'
import { eventStream } from '../event-stream.js'
import type { Exchange } from '../exchange.js'
import { answerRequest } from '../fields.js'
import { withModel } from '../loading-stream.js'
import type { ServedModels } from '../models.js'
import { messageEvents, messageFormat } from './events.js'
import { messagesOf } from './input.js'
import { contentOf, emptyMessage, endOf, usageOf } from './message.js'
import { messageOptions, messageRequest } from './request.js'

/** POST /v1/messages: Anthropic's API. */
export async function createMessage(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  return await withModel(models, exchange, body, messageFormat, async (named) => {
    const request = answerRequest(body, messageRequest, [], named, exchange.limits)
    const messages = messagesOf(body)
    const options: GenerationOptions = {
      ...request.options,
      ...messageOptions(body, messages, named),
      ...exchange.requestOptions,
    }
    const empty = emptyMessage(exchange.requestId, named)
    const stops = (options.stop ?? []) as readonly string[]
    const answer = exchange.generate(named, messages, options, request.stream)
    if (request.stream) {
      return await eventStream(messageEvents(answer, empty, stops), { ...exchange.events, format: messageFormat })
    }
    const result = await answer.result
    return Response.json({
      ...empty,
      content: contentOf(result),
      ...endOf(result, stops),
      usage: usageOf(result.usage),
    })
  })
}

/** POST /v1/messages/count_tokens */
export async function countTokens(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  const named = await models.of(body['model'], exchange)
  answerRequest(body, messageRequest, [], named, exchange.limits)
  const messages = messagesOf(body)
  const { tools, toolChoice, chatTemplateKwargs, continueFinalMessage } = messageOptions(body, messages, named)
  const { tokens } = await named.model.tokenize(messages, {
    // A model that may call none does not see them.
    ...(tools && toolChoice !== 'none' && { tools }),
    ...(chatTemplateKwargs && { chatTemplateKwargs }),
    ...(continueFinalMessage && { continueFinalMessage }),
  })
  return Response.json({ input_tokens: tokens.length })
}
