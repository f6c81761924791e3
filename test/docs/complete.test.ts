import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { Interrupts } from '#lib/cli/interrupts.js'
import { createProgram } from '#lib/cli/program.js'
import { errorCodes } from '#lib/index.js'
import { samplingTable } from '#lib/options/sampling.js'
import { readPage } from './markdown.js'

/** Everything between backquotes on a page, one by one: `a`, `b` → a, b. */
const codeOf = (path: string): string[] =>
  [...readFileSync(path, 'utf8').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)

t.test('README.md has at most 150 lines', (t) => {
  t.ok(readFileSync('README.md', 'utf8').trimEnd().split('\n').length <= 150)
  t.end()
})

t.test('docs/errors.md has a section for each error code, with its cause and what mends it', (t) => {
  const sections = new Map<string, string[]>()
  let current: string[] = []
  for (const line of readPage('docs/errors.md').prose) {
    const [, code] = /^#+ `?(ERR_\w+)`?$/.exec(line) ?? []
    if (line.startsWith('#')) current = []
    if (code !== undefined) sections.set(code, current)
    else if (line.trim() !== '') current.push(line)
  }
  t.same([...sections.keys()].sort(), Object.keys(errorCodes).sort())
  for (const [code, lines] of sections) {
    t.ok(
      lines.some((line) => line.startsWith('**Cause:** ')),
      `${code} names the cause`,
    )
    t.ok(
      lines.some((line) => line.startsWith('**What to do:** ')),
      `${code} says what to do`,
    )
  }
  t.end()
})

t.test('every option has a row in the table of its page', (t) => {
  const places: Record<string, string[]> = {
    'docs/generation-options.md': ['GenerationOptions', 'GenerateAllOptions', 'PromptLookup', 'WarmOptions'],
    'docs/load-options.md': ['LoadOptions', 'EstimateOptions'],
    'docs/command-line.md': [],
    'docs/evaluate.md': ['EvaluateOptions'],
    'docs/connect.md': ['ConnectOptions', 'SharedOptions'],
  }
  const fields = fieldsOfExports()
  for (const [path, types] of Object.entries(places)) {
    const named = new Set(codeOf(path))
    for (const type of types) {
      const names = fields.get(type) ?? []
      t.ok(names.length > 0, `${type} is exported`)
      t.same(
        names.filter((name) => !named.has(name)),
        [],
        `${path} names every field of ${type}`,
      )
    }
  }
  t.end()
})

t.test(
  'docs/command-line.md names every command and flag; the page of generation options, those of sampling',
  async (t) => {
    const interrupts = new Interrupts()
    const program = await createProgram(interrupts)
    interrupts.close()
    const sampling = new Set(codeOf('docs/generation-options.md'))
    const named = new Set(codeOf('docs/command-line.md').flatMap((code) => code.split(/[ ,]+/)))
    for (const command of program.commands) {
      t.ok(named.has(command.name()), command.name())
      for (const option of command.options) {
        const { long } = option
        const page = Object.hasOwn(samplingTable, option.attributeName()) ? sampling : named
        t.ok(page.has(page === sampling ? option.attributeName() : (long ?? '')), `${command.name()} ${long}`)
      }
    }
  },
)

/** The names of the fields of every exported interface or type. */
function fieldsOfExports(): Map<string, string[]> {
  const entries = ['dist/index.d.ts', 'dist/evaluate/index.d.ts'].map((path) => resolve(path))
  const program = ts.createProgram(entries, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    strict: true,
    skipLibCheck: true,
  })
  const checker = program.getTypeChecker()
  const exports = entries.flatMap((entry) => {
    const source = program.getSourceFile(entry)
    const symbol = source && checker.getSymbolAtLocation(source)
    return symbol ? checker.getExportsOfModule(symbol) : []
  })
  return new Map(
    exports.map((exported) => {
      const target = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      const names = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(target)).map(({ name }) => name)
      return [exported.name, names]
    }),
  )
}
