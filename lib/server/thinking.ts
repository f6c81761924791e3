import { reasoningSwitches } from '../generation/reasoning-switch.js'
import type { GenerationOptions } from '../options/generation.js'

/** Asks a model to think if it can. Templates have one of these switches or none, and do not mind the other. */
export const thinkingOn: GenerationOptions = {
  chatTemplateKwargs: Object.fromEntries(reasoningSwitches.map((name) => [name, true])),
}
