import { ropesOf } from './attention-borders.js'
import { inexactExports } from './families.js'
import type { JsonObject } from './json-object.js'

/**
 * What config.json asks for and exports of optimum-intel leave out, each a sentence that says what mends it. Only what was seen in exports
 * that were compared with transformers.
 * @param contextLength by config.json
 */
export function readExportLosses(config: JsonObject, contextLength: number): string[] {
  const losses: string[] = []
  const modelType = config.string('model_type') ?? ''
  if (Object.hasOwn(inexactExports, modelType)) losses.push(inexactExports[modelType] as string)
  // OpenVINO's ScaledDotProductAttention knows no bound.
  const bound = config.number('attn_logit_softcapping', 'a number above 0', (value) => value > 0)
  if (bound !== undefined) {
    losses.push(
      `config.json bounds attention scores (attn_logit_softcapping ${bound}), and exports for OpenVINO do not: answers differ from the original model's`,
    )
  }
  // The factors of a sequence hang on its length, but a graph holds those of the first trace.
  const isDynamic = (rope: JsonObject): boolean => [rope.get('rope_type'), rope.get('type')].includes('dynamic')
  if (ropesOf(config).some(isDynamic)) {
    losses.push(
      `config.json stretches positions beyond ${contextLength} tokens (dynamic RoPE scaling), and exports for OpenVINO do not: the context ends there. ` +
        'For a longer one, export the model with a scaling that hangs on no length, such as yarn, in config.json',
    )
  }
  return losses
}
