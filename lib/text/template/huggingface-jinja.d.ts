/**
 * What is used of @huggingface/jinja, as its own declarations have it (0.5.11). Those import each other without file
 * extensions, which Node's module resolution does not follow.
 */
declare module '@huggingface/jinja' {
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
    /** Of a FilterExpression: what is filtered, and the filter, a call or its name. */
    readonly operand?: Program
    readonly filter?: Program
    /** Of a CallExpression. */
    readonly callee?: Program
    readonly args?: readonly Program[]
    /** Name of an Identifier. */
    readonly value?: unknown
  }

  export class Environment {
    constructor(parent?: Environment)
    set(name: string, value: unknown): RuntimeValue
    setVariable(name: string, value: RuntimeValue): RuntimeValue
    /** An UndefinedValue when there is none. */
    lookupVariable(name: string): RuntimeValue
  }

  export class Interpreter {
    constructor(environment: Environment)
    run(program: Program): RuntimeValue
    evaluate(statement: Program | undefined, environment: Environment): RuntimeValue
  }

  export interface Token {
    readonly type: string
    readonly value: string
  }

  export function tokenize(source: string, options?: { lstrip_blocks?: boolean; trim_blocks?: boolean }): Token[]
  export function parse(tokens: Token[]): Program
}
