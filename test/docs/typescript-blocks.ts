import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import ts from 'typescript'
import { demoModelPath } from '#lib/cache/root.js'
import { cachedModel } from '#lib/model/gguf/cached-model.js'
import { exact, tiny } from '../llm/fixtures.js'
import type { CodeBlock } from './markdown.js'

/** What a block may use without declaring it, because the page did earlier: inserted before the block where it is missing. */
const earlier: [name: string, statement: string][] = [
  ['LLM', "import { LLM } from 'openvino-llm'"],
  ['llm', "await using llm = await LLM.load('./model')"],
  ['messages', "const messages = [{ role: 'user', content: 'Why is the sky blue?' }]"],
]

/** The block as a whole module, on one line more than it has. */
function asModule(code: string): string {
  const declares = (name: string) =>
    new RegExp(`\\b(const|let|using|function)\\s+${name}\\b|\\bimport\\s*\\{[^}]*\\b${name}\\b`).test(code)
  const uses = (text: string, name: string) => new RegExp(`(?<![\\w.'"/-])${name}(?![\\w:'"-])`).test(text)
  let before = ''
  for (const [name, statement] of earlier.toReversed()) {
    if (!declares(name) && uses(code + before, name)) before = `${statement}; ${before}`
  }
  return `${before}export {}\n${code}`
}

/** A block whose output is shown computes in f32, so that every CPU gives the same. */
const computedExactly = (code: string): string =>
  code.replace(/LLM\.load\((['"][^'"]+['"])\)/, `LLM.load($1, ${JSON.stringify({ ovConfig: exact })})`)

/** A block that was compiled. */
export interface CompiledBlock {
  block: CodeBlock
  /** `page:line` of the block. */
  name: string
  /** The JavaScript. */
  path: string
  /** What the compiler says; empty when all is well. */
  errors: string[]
}

/**
 * Compiles blocks with the package's own types, as a user of it would: strict, and `openvino-llm` found by its package.json.
 * @param folder inside this package, which therefore finds itself by name
 */
export function compileBlocks(blocks: readonly CodeBlock[], folder: string): CompiledBlock[] {
  mkdirSync(folder, { recursive: true })
  const compiled = blocks.map((block): CompiledBlock & { source: string } => {
    const base = join(folder, `${block.page.replaceAll(/[^\w]/g, '-')}-${block.line}`)
    writeFileSync(`${base}.ts`, asModule(block.output === undefined ? block.code : computedExactly(block.code)))
    return { block, name: `${block.page}:${block.line}`, source: `${base}.ts`, path: `${base}.js`, errors: [] }
  })
  const program = ts.createProgram(
    compiled.map(({ source }) => source),
    {
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ['node'],
      typeRoots: [resolve('node_modules/@types')],
      strict: true,
      skipLibCheck: true,
    },
  )
  const { diagnostics } = program.emit()
  for (const { file, start, messageText } of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    const owner = compiled.find(({ source }) => file && relative(source, file.fileName) === '')
    // Two lines more than in the page: the fence counts from 1, and a line was put before.
    const line = owner && file ? owner.block.line + file.getLineAndCharacterOfPosition(start ?? 0).line : 0
    const errors = (owner ?? compiled[0])?.errors
    errors?.push(`${owner?.block.page ?? ''}:${line}: ${text}`)
  }
  return compiled
}

/** A model that pages name, and what stands in for it. */
const models = {
  './model': tiny('tiny-llama'),
  './draft-model': tiny('tiny-llama'),
}

/** A task file that pages name. */
const taskFile = 'boolq.jsonl'

/** Names that stand for a model of real size; the demo model does for them. */
const realModels = /\.\/phi-3-medium-4k-instruct-int4|\.\/model\.gguf/

export const needsDemoModel = ({ code }: CodeBlock): boolean => realModels.test(code)
/** Whether a block needs the paged engine, which a CPU without AVX2 does not have. */
export const needsPaging = ({ code }: CodeBlock): boolean => /\bdraftModel:/.test(code)
/** Whether a block needs grammars, which an addon that was built without Rust does not have. */
export const needsGrammars = ({ code }: CodeBlock): boolean =>
  /\bresponseFormat\b|\btoolChoice: ('required'|\{)/.test(code)
export const hasDemoModel = (): boolean => existsSync(demoModelPath())

/** Puts the models that pages name into a folder, for a process that runs there. */
export async function placeModels(folder: string): Promise<void> {
  // Copies: `check` stores its verdict with the model.
  for (const [name, source] of Object.entries(models)) cpSync(source, join(folder, name), { recursive: true })
  cpSync(resolve('test/fixtures/evaluate', taskFile), join(folder, taskFile))
  if (!hasDemoModel()) return
  symlinkSync((await cachedModel(demoModelPath())).folder, join(folder, 'phi-3-medium-4k-instruct-int4'))
  symlinkSync(demoModelPath(), join(folder, 'model.gguf'))
}
