import { anthropicError } from './anthropic/error.js'
import type { ApiError } from './api-error.js'
import { ollamaError } from './ollama/error.js'

/** What a failure looks like in a protocol. */
export type ErrorShape = (problem: ApiError, requestId: string) => object

/** Protocols other than OpenAI's, by where their paths begin. */
const shapes: readonly [prefix: string, shape: ErrorShape][] = [
  ['/v1/messages', anthropicError],
  ['/api/', ollamaError],
]

/** How errors of a path look. */
export function errorShapeOf(path: string): ErrorShape {
  const [, shape] = shapes.find(([prefix]) => path.startsWith(prefix)) ?? []
  return shape ?? ((problem) => problem.body)
}
