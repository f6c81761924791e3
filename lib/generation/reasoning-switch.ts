import type { GenerationOptions } from '../options/generation.js'
import { levelBudgets, type ReasoningParser } from '../options/reasoning.js'
import { reasoningIn } from '../output/formats/reasoning.js'

/** What templates call the switch of reasoning. */
export const reasoningSwitches = ['enable_thinking', 'thinking'] as const

/** How much a model is to think. */
export interface ReasoningSwitch {
  /** What tells the chat template. */
  variables: Record<string, unknown>
  /** Most tokens of the reasoning; undefined: as many as the model likes. */
  budget?: number
}

/**
 * Who is told how much the model is to think: its chat template, or else the engine.
 * @param format how the model writes its reasoning
 * @throws TypeError when neither of them can know
 */
export function reasoningSwitch(
  template: string,
  format: Exclude<ReasoningParser, 'auto'>,
  wanted: GenerationOptions['reasoning'] = 'auto',
): ReasoningSwitch {
  if (wanted === 'auto') return { variables: {} }
  const knows = (name: string): boolean => new RegExp(`(?<![.'"\\w])${name}\\b`).test(template)
  const known = reasoningSwitches.filter(knows)
  const all = (value: boolean) => Object.fromEntries(known.map((name) => [name, value]))
  if (wanted === 'off') {
    if (known.length === 0 && reasoningIn(template) !== 'none') {
      throw new TypeError(
        `reasoning: 'off' cannot be had: the model's chat template has no ${reasoningSwitches.join(' and no ')}; { budget: 0 } closes what the model thinks`,
      )
    }
    return { variables: all(false) }
  }
  if (typeof wanted === 'string' && knows('reasoning_effort')) {
    return { variables: { reasoning_effort: wanted, ...all(true) } }
  }
  if (format === 'none') {
    const asked = typeof wanted === 'string' ? `'${wanted}'` : '{ budget }'
    throw new TypeError(
      `reasoning: ${asked} cannot be had: the model's chat template has no reasoning_effort and is of no format of reasoning that is known; ` +
        'name it with the option reasoningParser',
    )
  }
  return { variables: all(true), budget: typeof wanted === 'string' ? levelBudgets[wanted] : wanted.budget }
}
