import type { CallEvent } from './call-events.js'

/** A tool, as far as reading its calls needs it. */
export interface KnownTool {
  name: string
  /** JSON Schema of its arguments. */
  parameters?: unknown
  /** False: its arguments may be any object. */
  strict?: boolean | undefined
}

/** Reads what a model writes between the marks of a call, a character at a time. */
export interface CallReader {
  /** `failed`: it is no call. What follows `done` and `failed` is not read. */
  readonly state: 'reading' | 'done' | 'failed'
  take(character: string): readonly CallEvent[]
}
