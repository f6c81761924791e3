import type { Prompt } from '../../generation/prompt.js'
import * as check from '../../options/rules.js'
import { ApiError } from '../api-error.js'
import type { Exchange } from '../exchange.js'
import { readField } from '../fields.js'
import type { ServedModels } from '../models.js'
import { nothingAsked, respond, type Said } from './answers.js'
import { bareName, readRequest, refuseImages } from './request.js'

type Fields = Readonly<Record<string, unknown>>

const own = ['prompt', 'system', 'raw', 'suffix', 'template', 'context', 'images']

/** POST /api/generate: one message to the model, or with `raw` a text that it goes on with. */
export async function generate(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  const named = await models.of(bareName(models, body['model']), exchange)
  const request = readRequest(body, own, named, exchange.limits)
  refuseImages(body['images'], 'images')
  refuseOthers(body)
  const text = (readField(body, 'prompt', check.string) ?? '') as string
  const prompt = promptOf(text, body)
  if (text === '') return Response.json(nothingAsked(named, saying, body['keep_alive']))
  const options = { ...request.options, ...exchange.requestOptions }
  const answer = exchange.generate(named, prompt, options, request.stream)
  return await respond(answer, named, saying, exchange, request.stream)
}

function promptOf(text: string, body: Fields): Prompt {
  const system = (readField(body, 'system', check.string) ?? '') as string
  if (readField(body, 'raw', check.boolean)) return text
  const user = { role: 'user', content: text }
  return system === '' ? [user] : [{ role: 'system', content: system }, user]
}

/** @throws ApiError 400 for what would change the answer and does not exist here */
function refuseOthers(body: Fields): void {
  for (const [name, instead] of [
    ['suffix', "put the model's own fill-in-the-middle tokens into a raw prompt"],
    ['template', 'use a raw prompt'],
    ['context', 'send the conversation to /api/chat'],
  ] as const) {
    const value = body[name] ?? ''
    if (value === '' || (Array.isArray(value) && value.length === 0)) continue
    throw ApiError.invalid(name, `expected ${name} to be empty: ${instead}`)
  }
}

function saying({ text = '', thinking = '' }: Said) {
  return { response: text, ...(thinking !== '' && { thinking }) }
}
