import type { GenerationOptions } from '../options/generation.js'
import { reasoningIn } from '../output/formats/reasoning.js'

/** What templates call the switch of reasoning. */
const switches = ['enable_thinking', 'thinking'] as const

/**
 * The variables that tell a chat template how much the model is to think.
 * @throws TypeError when the template has no such switch
 */
export function reasoningSwitch(
  template: string,
  wanted: GenerationOptions['reasoning'] = 'auto',
): Record<string, unknown> {
  if (wanted === 'auto') return {}
  const knows = (name: string): boolean => new RegExp(`(?<![.'"\\w])${name}\\b`).test(template)
  const known = switches.filter(knows)
  const refused = (what: string): TypeError =>
    new TypeError(`reasoning: '${wanted}' cannot be had: the model's chat template has no ${what}`)
  if (wanted === 'off') {
    if (known.length === 0 && reasoningIn(template) !== 'none') throw refused(switches.join(' and no '))
    return Object.fromEntries(known.map((name) => [name, false]))
  }
  if (!knows('reasoning_effort')) throw refused('reasoning_effort')
  return { reasoning_effort: wanted, ...Object.fromEntries(known.map((name) => [name, true])) }
}
