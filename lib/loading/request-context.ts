import { RequestQueue } from '../generation/queue.js'
import type { RequestContext } from '../generation/request.js'
import { type LoadOptions, loadDefaults } from '../options/load.js'
import type { Warn } from '../warnings.js'
import type { OpenedModel } from './open-model.js'

/** What the requests of a model need of it. Says what its generation_config.json asks for in vain. */
export function requestContext(
  { definition, engine, text, context }: OpenedModel,
  { maxQueue = loadDefaults.maxQueue }: Pick<LoadOptions, 'maxQueue'>,
  warn: Warn,
): RequestContext {
  const { generation } = definition
  const { maxSequences, maxPrompt, vocabularySize, canDraft } = engine.info
  if (generation.unsupported.length > 0) {
    const words = generation.unsupported.join(', ')
    warn('generation-config', `generation_config.json asks for ${words}, which this version does not apply`)
  }
  return {
    engine,
    text,
    warn,
    queue: new RequestQueue(maxSequences, maxQueue, engine),
    sampling: generation,
    contextLength: context.length,
    contextReason: context.reason,
    maxPrompt: maxPrompt || Number.POSITIVE_INFINITY,
    vocabularySize,
    canDraft,
    // The tokenizer may know ends that the model does not.
    stopTokenIds: [...new Set([...definition.stopTokenIds, ...text.eosTokenIds])].filter((id) => id < vocabularySize),
    stopWords: generation.stopStrings,
  }
}
