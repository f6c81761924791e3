import { loadAddon } from '../addon/load.js'
import { RequestQueue } from '../generation/queue.js'
import type { RequestContext } from '../generation/request.js'
import { loadDefaults } from '../options/load.js'
import type { Warn } from '../warnings.js'
import type { OpenedModel } from './open-model.js'

/** What the requests of a model need of it. Warns of what its files ask for in vain. */
export function requestContext(
  { definition, engine, text, context, options, resolved }: OpenedModel,
  warn: Warn,
): RequestContext {
  const { defaults, cardDoubt, exportLosses } = definition
  const { maxQueue = loadDefaults.maxQueue } = options
  const { maxSequences, maxPrompt, vocabularySize, canDraft, canFork, runner } = engine.info
  for (const { source, unsupported } of defaults) {
    if (unsupported.length === 0) continue
    warn('generation-config', `${source} asks for ${unsupported.join(', ')}, which this version does not apply`)
  }
  if (cardDoubt !== '') warn('model-card', `the model card gives no defaults: ${cardDoubt}`)
  for (const words of exportLosses) warn('export', words)
  return {
    engine,
    text,
    warn,
    queue: new RequestQueue(maxSequences, maxQueue, engine),
    contextLength: context.length,
    contextReason: context.reason,
    maxPrompt: maxPrompt || Number.POSITIVE_INFINITY,
    vocabularySize,
    maxSequences,
    runner,
    canDraft,
    canFork,
    canConstrain: loadAddon().buildInfo().grammar !== '',
    // The tokenizer may know ends that the model does not.
    stopTokenIds: [...new Set([...definition.stopTokenIds, ...text.eosTokenIds])].filter((id) => id < vocabularySize),
    stopWords: definition.stopStrings,
    rewrite: resolved.yaml?.rewrite,
  }
}
