import { type Grammar, type Marks, noGrammar, noMarks } from '../engine/boundary.js'
import type { GenerationOptions } from '../options/generation.js'
import { textOf } from '../text/template/messages.js'
import type { TextWorker } from '../text/worker/text-worker.js'
import { answerGrammar } from './answer-grammar.js'
import { awaitedCalls, closingText, reasoningMarks } from './answer-marks.js'
import type { AnswerFormat } from './answer-parsers.js'
import type { CheckedPrompt } from './prompt.js'

/** What the engine is told of what an answer must be. */
export interface Binding {
  grammar: Grammar | typeof noGrammar
  marks: Marks
  /** Whether the engine needs the model's vocabulary for it. */
  binds: boolean
}

/** What a request says of it. */
export interface Bound {
  text: Pick<TextWorker, 'addedTokenId' | 'tokens' | 'encodeWord'>
  prompt: CheckedPrompt
  options: GenerationOptions
  format: AnswerFormat
  /** The prompt as the model sees it. */
  rendered: string
  /** What every answer must conform to in place of what the options say. */
  grammar: Grammar | undefined
  /** Most tokens of the reasoning. */
  budget: number | undefined
  /** Whether answers can be bound to a grammar at all. */
  canConstrain: boolean
}

/** @throws as {@link answerGrammar} */
export async function bindAnswer(bound: Bound): Promise<Binding> {
  const { text, prompt, options, format, rendered, budget, canConstrain } = bound
  const last = options.continueFinalMessage && prompt.kind === 'chat' ? prompt.messages.at(-1) : undefined
  const continued = last && textOf(last)
  const grammar = bound.grammar ?? answerGrammar(text, format, options, rendered, continued)
  const { numBeams = 1 } = options
  const awaited = grammar || !canConstrain || numBeams > 1 ? undefined : awaitedCalls(text, format, options)
  if (!awaited && budget === undefined) {
    return { grammar: grammar ?? noGrammar, marks: noMarks, binds: grammar !== undefined }
  }
  const marks = { ...reasoningMarks(text, format, rendered, continued), ...awaited?.marks }
  if (budget !== undefined) {
    marks.reasoningBudget = budget
    marks.reasoningClosing = Int32Array.from(await text.encodeWord(closingText(format, grammar !== undefined)))
  }
  return { grammar: grammar ?? awaited?.grammar ?? noGrammar, marks, binds: true }
}
