import { createHash } from 'node:crypto'
import type { ModelInfo } from '../../info.js'
import type { Exchange } from '../exchange.js'
import type { ServedModels } from '../models.js'
import { bareName } from './request.js'

/** The version of Ollama whose API this follows: clients look at it to know what they may ask. */
export const apiVersion = '0.13.0'

/** GET /api/tags: the models that are served. */
export const tags = (models: ServedModels) => ({
  models: models.all.map(({ name, info }) => entry(name, info, models)),
})

/** GET /api/ps: those that are in memory. */
export const running = (models: ServedModels) => ({
  models: models.loaded
    .filter(({ model }) => model.info.residency === 'loaded')
    .map(({ name, model: { info } }) => ({
      ...entry(name, info, models),
      // When an idle model is unloaded is not known before it is idle.
      expires_at: '9999-12-31T23:59:59Z',
      size_vram: 0,
      context_length: info.contextLength,
    })),
})

/** POST /api/show */
export async function show(models: ServedModels, exchange: Exchange): Promise<Response> {
  const body = await exchange.json()
  const name = bareName(models, body['model'] ?? body['name'])
  const { info } = (await models.of(name, exchange)).model
  const { modelType, contextLength, vocabularySize, chat } = info
  return Response.json({
    license: '',
    modelfile: '',
    parameters: '',
    template: '',
    system: '',
    messages: [],
    details: detailsOf(info),
    modified_at: timeOf(models),
    model_info: {
      'general.architecture': modelType,
      [`${modelType}.context_length`]: contextLength,
      [`${modelType}.vocab_size`]: vocabularySize,
    },
    capabilities: [
      'completion',
      ...(chat?.toolCalls ? ['tools'] : []),
      ...(chat && chat.reasoning !== 'none' ? ['thinking'] : []),
    ],
  })
}

/** @param info undefined for a model that has not been loaded yet */
function entry(name: string, info: ModelInfo | undefined, models: ServedModels) {
  return {
    name,
    model: name,
    modified_at: timeOf(models),
    size: info?.memory.weights ?? 0,
    // Nobody has read all of its bytes: the digest tells models apart, and no more.
    digest: createHash('sha256').update(name).digest('hex'),
    details: detailsOf(info),
  }
}

function detailsOf(info: ModelInfo | undefined) {
  const { modelType = '', source, weights = {} } = info ?? {}
  // Most of the weights are of this type.
  const [[type = ''] = []] = Object.entries(weights).sort(([, a], [, b]) => b - a)
  return {
    parent_model: '',
    format: source?.kind === 'gguf' ? 'gguf' : 'openvino',
    family: modelType,
    families: [modelType],
    parameter_size: '',
    quantization_level: type,
  }
}

const timeOf = ({ created }: ServedModels): string => new Date(created * 1000).toISOString()
