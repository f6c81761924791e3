import { type GenerationOptions, generationTable } from './generation.js'
import { type Option, optionsOf } from './table.js'

type Rows = typeof generationTable
type NameOf<Row> = Row extends { huggingFace: infer Name extends string } | { pipeline: infer Name extends string }
  ? Name
  : never

/** The options of a request that transformers has too, under its names. */
export type Renamed = { [Name in keyof Rows as NameOf<Rows[Name]>]?: Exclude<GenerationOptions[Name], undefined> }

/** Both names of each option that transformers has too. */
export const renamed = Object.entries<Option>(generationTable).flatMap(
  ([ours, { huggingFace, pipeline = huggingFace }]) =>
    pipeline === undefined ? [] : [{ ours: ours as keyof Rows, theirs: pipeline as keyof Renamed }],
)

/** Options under transformers' names as those of a request. Others, and what is undefined, are left out. */
export function fromRenamed(options: { [Name in keyof Renamed]?: Renamed[Name] | undefined }): GenerationOptions {
  return optionsOf(Object.fromEntries(renamed.map(({ ours, theirs }) => [ours, options[theirs]])), generationTable)
}
