/**
 * What is used of @huggingface/tokenizers and @huggingface/jinja, typed here: their declarations import each other
 * without file extensions, which Node's module resolution does not follow.
 */
import * as jinja from '@huggingface/jinja'
import * as tokenizers from '@huggingface/tokenizers'

interface Tokenizers {
  SplitPreTokenizer: new (config: {
    type: 'Split'
    pattern: { String: string } | { Regex: string }
    behavior: 'Isolated'
    invert: true
  }) => { readonly pattern: RegExp | null }
}

/** A value while a template runs. */
export interface RuntimeValue {
  readonly type: string
  readonly value: unknown
}

/** A parsed template, or a part of one. */
export interface Program {
  readonly type: string
  /** Of a MemberExpression. */
  readonly object?: Program
  /** Name of an Identifier. */
  readonly value?: unknown
}

export interface TemplateEnvironment {
  set(name: string, value: unknown): unknown
}

export interface TemplateInterpreter {
  run(program: Program): RuntimeValue
  evaluate(statement: Program | undefined, environment: TemplateEnvironment): RuntimeValue
}

interface Jinja {
  Environment: new () => TemplateEnvironment
  Interpreter: new (environment: TemplateEnvironment) => TemplateInterpreter
  tokenize: (source: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }) => unknown[]
  parse: (tokens: unknown[]) => Program
}

export const { SplitPreTokenizer } = tokenizers as unknown as Tokenizers
export const { Environment, Interpreter, tokenize, parse } = jinja as unknown as Jinja
