import type { Rule } from './rules.js'

/** One option. Whatever checks it, defaults it, or gives it another name reads its row, so a new option is a new row. */
export interface Option<Value = unknown> extends Rule {
  /** The value when nobody sets the option. Absent when that depends on something else; the interface then says on what. */
  readonly default?: Value
  /** Its name in transformers' GenerationConfig: the pipeline takes it by this name, and generation_config.json gives defaults for it. */
  readonly huggingFace?: string
  /** Its name in a call of the pipeline, when GenerationConfig has no such field. */
  readonly pipeline?: string
  /** Whether only chat messages can have it. */
  readonly chatOnly?: true
  readonly flag?: Flag
}

/** A command-line flag. It is called `--` and the option's name in kebab case; a boolean option whose default is true gets `--no-`. */
export interface Flag {
  readonly help: string
  /** Stands for the value in the help, e.g. `<n>`. A flag without it takes no value. */
  readonly value?: string
  /** How a flag gives several values: it is repeated, it takes `1,2,3`, it is repeated with `KEY=VALUE`, or it takes JSON (or a
   * file with it). */
  readonly several?: 'repeated' | 'commas' | 'properties' | 'json' | 'file'
  /** Another name than the option's, without dashes. */
  readonly name?: string
  /** Whether the help adds the default. */
  readonly showDefault?: true
  /** Only --help-all shows it. */
  readonly rare?: true
  /** What it gives is in the JSON of an answer alone: `generate` takes it with --json, and `chat` does not have it. */
  readonly json?: true
}

/** A row for each member of `Options`. A missing row does not compile. */
export type Table<Options> = { readonly [Name in keyof Required<Options>]: Option<Exclude<Options[Name], undefined>> }

/** Any table, for code that goes through its rows. */
export type Rows = Readonly<Record<string, Option>>

/** The defaults of a table by option. */
export function defaultsOf<Row extends Rows>(table: Row) {
  const rows = Object.entries(table).filter(([, row]) => row.default !== undefined)
  return Object.fromEntries(rows.map(([name, row]) => [name, row.default])) as {
    readonly [Name in keyof Row as Row[Name] extends { default: unknown } ? Name : never]: Row[Name] extends {
      default: infer Value
    }
      ? Value
      : never
  }
}

/** Those of the values that are set and have a row. */
export function optionsOf<Options extends object>(values: Options, table: Rows): Partial<Options> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => Object.hasOwn(table, name) && value !== undefined),
  ) as Partial<Options>
}

/** Options over their defaults; what is undefined does not count. */
export function mergeOptions<T extends object>(defaults: T, options: T): T {
  return { ...defaults, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) }
}
