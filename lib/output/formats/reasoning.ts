import type { ReasoningParser } from '../../options/reasoning.js'

/** How a model parts its reasoning from its answer. */
export interface ReasoningFormat {
  /** Before the reasoning. */
  begin: string
  /** Behind it. */
  end: string
  /** Around the answer; they are dropped. */
  around?: readonly string[]
  /** Begins the reasoning behind `begin`, and is dropped. */
  title?: string
  /** Whether a chat template is one of such a model. */
  isIn(template: string): boolean
}

/** Formats of one stretch of reasoning before the answer, in the order in which they are looked for; `harmony` has a reader of its own. */
export const reasoningFormats: Readonly<
  Record<Exclude<ReasoningParser, 'auto' | 'harmony' | 'none'>, ReasoningFormat>
> = {
  gemma: {
    begin: '<|channel>',
    end: '<channel|>',
    title: 'thought\n',
    isIn: (template) => template.includes('<|channel>') && template.includes('<channel|>'),
  },
  mistral: { begin: '[THINK]', end: '[/THINK]', isIn: (template) => template.includes('[THINK]') },
  granite: {
    begin: '<think>',
    end: '</think>',
    around: ['<response>', '</response>'],
    // Others have `<response>` around what tools say.
    isIn: (template) => template.includes('<think>') && template.includes('<response></response>'),
  },
  think: { begin: '<think>', end: '</think>', isIn: (template) => /<\/?think>/.test(template) },
}

/** The format that a chat template knows. */
export function reasoningIn(template: string): Exclude<ReasoningParser, 'auto'> {
  if (isHarmony(template)) return 'harmony'
  const names = Object.keys(reasoningFormats) as (keyof typeof reasoningFormats)[]
  return names.find((name) => reasoningFormats[name].isIn(template)) ?? 'none'
}

/** Whether a chat template is one of OpenAI's gpt-oss models. */
export const isHarmony = (template: string): boolean =>
  template.includes('<|channel|>') && template.includes('<|message|>')

/**
 * Whether an answer begins inside the reasoning, because its prompt has opened it.
 * @param prompt the rendered text
 * @param continued the text of the last message when the answer continues that
 */
export function opensReasoning({ begin, end }: ReasoningFormat, prompt: string, continued = ''): boolean {
  if (continued.lastIndexOf(begin) > continued.lastIndexOf(end)) return true
  const start = prompt.lastIndexOf(begin)
  return start >= 0 && prompt.slice(start + begin.length).trim() === ''
}
