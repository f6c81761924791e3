/**
 * What becomes of the whole text of an answer, in this order: LocalAI's `echo`, `cutstrings`, `extract_regex`, `trimspace`, `trimsuffix`.
 * Expressions are in Go's syntax.
 */
export interface TextRewrite {
  /** The prompt, if it is a text, stands before the answer. */
  echo: boolean
  /** All matches of these expressions are taken out. */
  cut: readonly string[]
  /** If any of these expressions matches, their first matches together are the text. */
  extract: readonly string[]
  /** Taken away at the start, with the spaces around the text. */
  prefixes: readonly string[]
  /** Taken away at the end, with the spaces around the text. */
  suffixes: readonly string[]
}
