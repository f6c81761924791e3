import { readFileSync } from 'node:fs'
import t from 'tap'
import { batchTable } from '#lib/options/batch.js'
import { beamTable } from '#lib/options/beams.js'
import { encodeTable } from '#lib/options/encode.js'
import { estimateTable } from '#lib/options/estimate.js'
import { generationTable } from '#lib/options/generation.js'
import { loadTable } from '#lib/options/load.js'
import { samplingTable } from '#lib/options/sampling.js'
import { defaultsOf, mergeOptions, optionsOf, type Rows, type Table } from '#lib/options/table.js'

const concerns: Record<string, Rows> = {
  beams: beamTable,
  encode: encodeTable,
  sampling: samplingTable,
  generation: generationTable,
  load: loadTable,
  estimate: estimateTable,
  batch: batchTable,
}

t.test('the documentation of an option names the default of its row', async (t) => {
  for (const [concern, table] of Object.entries(concerns)) {
    const source = readFileSync(`lib/options/${concern}.ts`, 'utf8')
    for (const [, comment = '', name = ''] of source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}(\w+)\?:/g)) {
      const row = table[name]
      if (!row) continue
      const value = typeof row.default === 'string' ? `\`${row.default}\`` : String(row.default)
      const words = comment.replaceAll(/\s*\n\s*\*\s*/g, ' ')
      if (row.default === undefined) t.notMatch(words, /\bDefault /, `${concern}: ${name} has no fixed default`)
      else t.ok(words.includes(`Default ${value}`), `${concern}: ${name} says Default ${value}`)
    }
  }
})

t.test('no two options share a name in transformers, and none a flag', async (t) => {
  const names = Object.values<Rows[string]>(generationTable).flatMap(({ huggingFace, pipeline }) =>
    [huggingFace, pipeline].filter((name) => name !== undefined),
  )
  t.equal(new Set(names).size, names.length)
  const flags = [generationTable, loadTable].flatMap((table) =>
    Object.entries<Rows[string]>(table).flatMap(([name, { flag }]) => (flag ? [flag.name ?? name] : [])),
  )
  t.equal(new Set(flags).size, flags.length)
})

t.test('a default obeys its own rule', async (t) => {
  for (const table of Object.values(concerns))
    for (const [name, row] of Object.entries(table))
      if (row.default !== undefined) t.ok(row.accepts(row.default), `${name}: ${row.default}`)
})

t.test('defaults, selected and merged options', async (t) => {
  const row = { expected: 'x', accepts: () => true }
  const table = { a: { ...row, default: 1 }, b: row } as const satisfies Table<{ a?: number; b?: string }>
  const defaults: { readonly a: 1 } = defaultsOf(table)
  t.same(defaults, { a: 1 })
  t.same(optionsOf({ a: undefined, b: 'x', c: 3 }, table), { b: 'x' })
  t.same(mergeOptions<{ a?: number | undefined; b?: string }>({ a: 1 }, { a: undefined, b: 'x' }), { a: 1, b: 'x' })
})

/** Compiles only when a table must have a row for each option, and no other. */
export function types(): unknown[] {
  const row = { expected: 'a number', accepts: () => true }
  interface Options {
    a?: number
    b?: number
  }
  // @ts-expect-error no row for b
  const missing = { a: row } satisfies Table<Options>
  // @ts-expect-error no option c
  const unknown = { a: row, b: row, c: row } satisfies Table<Options>
  // @ts-expect-error a default of another type
  const wrong = { a: { ...row, default: 'x' }, b: row } satisfies Table<Options>
  return [missing, unknown, wrong]
}
