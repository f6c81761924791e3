import { anthropicError } from './anthropic/error.js'
import type { ApiError } from './api-error.js'
import { ollamaError } from './ollama/error.js'

/** Anthropic's clients send this with every request. */
export const anthropicHeader = 'anthropic-version'

/** What a failure looks like in a protocol. */
export type ErrorShape = (problem: ApiError, requestId: string) => object

/** Protocols other than OpenAI's, by where their paths begin. */
const shapes: readonly [prefix: string, shape: ErrorShape][] = [
  ['/v1/messages', anthropicError],
  ['/api/', ollamaError],
]

/** How errors of a path look. Lists of models have one path in two protocols. @param isAnthropic whether the client is one of Anthropic's */
export function errorShapeOf(path: string, isAnthropic: boolean): ErrorShape {
  if (isAnthropic && path.startsWith('/v1/models')) return anthropicError
  const [, shape] = shapes.find(([prefix]) => path.startsWith(prefix)) ?? []
  return shape ?? ((problem) => problem.body)
}
