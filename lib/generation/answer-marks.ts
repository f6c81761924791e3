import { type Grammar, type Marks, noMarks } from '../engine/boundary.js'
import { type GenerationOptions, toolsOf } from '../options/generation.js'
import { toolDefaults } from '../options/tools.js'
import { opensReasoning, reasoningFormats } from '../output/formats/reasoning.js'
import { callGrammar, writesOneCall } from '../output/formats/tool-calls.js'
import { lark } from './answer-grammar.js'
import type { AnswerFormat } from './answer-parsers.js'
import { isSpecial, type MarkedText, markOf, symbolsOf } from './marked-text.js'

/** A grammar, and what it waits for. */
export interface AwaitedCalls {
  grammar: Grammar
  marks: Pick<Marks, 'triggers' | 'openers' | 'freeAgain'>
}

/**
 * What binds the calls of an answer that need not call: its text is free, and what it begins as a call must be one. Undefined when there are
 * no tools, or when calls are required.
 */
export function awaitedCalls(
  text: MarkedText,
  format: AnswerFormat,
  options: GenerationOptions,
): AwaitedCalls | undefined {
  const { toolChoice = toolDefaults.toolChoice, parallelToolCalls = toolDefaults.parallelToolCalls } = options
  const tools = toolsOf(options)?.map((tool) => tool.function)
  if (tools === undefined || toolChoice !== 'auto' || format.calls === undefined) return undefined
  const mark = markOf(text)
  const parallel = parallelToolCalls && !writesOneCall(format.calls)
  const calls = callGrammar(format.calls)({
    tools,
    parallel,
    inText: true,
    mark,
    isSpecial: (one) => isSpecial(text, one),
  })
  const sequences = (all: readonly (readonly string[])[]) =>
    Int32Array.from(
      all.flatMap((pieces) => {
        const symbols = symbolsOf(text, pieces)
        return [symbols.length, ...symbols]
      }),
    )
  return {
    grammar: lark(['start: answer', ...calls.rules]),
    marks: {
      triggers: sequences(calls.triggers),
      openers: sequences((calls.openers ?? []).map((opener) => [opener])),
      freeAgain: parallel,
    },
  }
}

/**
 * Where the reasoning of an answer stands.
 * @param rendered the prompt as the model sees it
 * @param continued the text of the last message when the answer continues that
 */
export function reasoningMarks(
  text: MarkedText,
  { reasoning }: AnswerFormat,
  rendered: string,
  continued: string | undefined,
): Marks {
  if (reasoning === 'none') return noMarks
  const symbols = (...pieces: string[]) => Int32Array.from(symbolsOf(text, pieces))
  if (reasoning === 'harmony') {
    return {
      ...noMarks,
      reasoningBegin: symbols('<|channel|>', 'analysis', '<|message|>'),
      reasoningEnd: symbols('<|end|>'),
      reasoningAgain: true,
    }
  }
  const format = reasoningFormats[reasoning]
  return {
    ...noMarks,
    reasoningBegin: symbols(format.begin),
    reasoningEnd: symbols(format.end),
    reasoningOpen: opensReasoning(format, rendered, continued),
  }
}

/**
 * What ends a reasoning that may not go on, as the model would write it.
 * @param bound whether a grammar says what follows
 */
export function closingText({ reasoning, calls }: AnswerFormat, bound: boolean): string {
  if (reasoning === 'none') throw new Error('there is no reasoning to close')
  if (reasoning === 'gemma') return reasoningFormats.gemma.end
  if (reasoning !== 'harmony') return `\n${reasoningFormats[reasoning].end}\n\n`
  // The model is not asked for a channel, which could be that of reasoning again.
  if (bound) return '<|end|>'
  const channel = calls === undefined ? 'final<|message|>' : 'commentary'
  return `<|end|><|start|>assistant<|channel|>${channel}`
}
