import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'

interface Part {
  modules: string[]
  imports: string[]
}

const { bundle, marked, named } = (await import(pathToFileURL(join('scripts', 'package', 'bundle.mjs')).href)) as {
  bundle(target: string): Promise<Map<string, Part>>
  marked(code: string, module: string): string
  named(code: string): string
}

t.test('the package’s modules in few files', async (t) => {
  const folder = t.testdir({})
  const dist = join(folder, 'dist')
  const parts = await bundle(dist)
  copyFileSync('package.json', join(folder, 'package.json'))
  mkdirSync(join(dist, 'page'))
  const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())

  t.test('an import reads few files, and nothing of the server, the command line and the tasks', async (t) => {
    const reached = reach(parts, 'index.js')
    const modules = [...reached].flatMap((path) => parts.get(path)?.modules ?? [])
    t.ok(modules.includes('llm.js'))
    t.same(
      modules.filter((module) => /^(server|cli|evaluate|page)\//.test(module)),
      [],
    )
    t.ok(reached.size < 40, `${reached.size} files`)
    t.ok(modules.length > 4 * reached.size, `${modules.length} modules`)
    // Tokens are cut and put together in the worker: its library is not needed to begin.
    t.notOk(modules.includes('text/tokenizer/tokenizer.js'))
    t.same(
      [...reached].filter((path) => /\bfrom "@huggingface\/tokenizers"/.test(readFileSync(join(dist, path), 'utf8'))),
      [],
    )
  })

  t.test('a thread’s module is one file', async (t) => {
    const threads = [...parts.keys()].filter((path) => path.endsWith('worker.js'))
    t.ok(threads.includes('text/worker/worker.js'))
    for (const path of threads) t.same(parts.get(path)?.imports, [], path)
  })

  t.test('what a module finds from its own place is there', async (t) => {
    const found = new Set<string>()
    for (const { parentPath, name } of files) {
      const path = join(parentPath, name)
      for (const [, to = ''] of readFileSync(path, 'utf8').matchAll(/new URL\("([^"]+)", import\.meta\.url\)/g)) {
        const url = new URL(to, pathToFileURL(path))
        t.ok(existsSync(url), `${path}: ${to}`)
        found.add(url.href.replace(pathToFileURL(folder).href, ''))
      }
    }
    const threads = ['hub/blob', 'model/gguf/files', 'model-yaml/document', 'text/worker/'].map((path) =>
      `/dist/${path}-worker.js`.replace('/-', '/'),
    )
    const processes = ['/dist/devices/probe-child.js', '/dist/self-test/trial-child.js']
    t.same([...found].sort(), ['/', ...threads, ...processes, '/dist/page/', '/package.json'].sort())
  })

  t.test('it knows its version and the names of its classes', async (t) => {
    const entry = (await import(pathToFileURL(join(dist, 'index.js')).href)) as typeof import('#lib/index.js')
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    t.equal(entry.version, version)
    t.equal(entry.LLM.name, 'LLM')
    t.equal(entry.LLMError.name, 'LLMError')
    // Stacks name classes as their code does, whatever their `name` says.
    for (const { parentPath, name } of files)
      t.notMatch(readFileSync(join(parentPath, name), 'utf8'), /\bclass _[A-Z]/, name)
  })
})

t.test('a module that uses its place in a way that a bundle would change is refused', async (t) => {
  const code = "new Worker(new URL('./b.js', import.meta.url)); createRequire(import.meta.url)"
  t.equal(marked(code, 'a/a.js'), 'new Worker(new URL("dist:a/b.js", import.meta.url)); createRequire(import.meta.url)')
  for (const other of ['import.meta.dirname', 'fileURLToPath(import.meta.url)', "new URL('b.js', import.meta.url)"])
    t.throws(() => marked(other, 'a/a.js'), /^a\/a\.js: expected import\.meta only in /)
})

t.test('a class that names itself has the name of its source', async (t) => {
  const code =
    'var A = class _A extends B {\n  #_A = a._A;\n  make() { return new _A(_A2) }\n};\nvar B = class _C {\n  of = _C\n};'
  t.equal(
    named(code),
    'var A = class A extends B {\n  #_A = a._A;\n  make() { return new A(_A2) }\n};\nvar B = class _C {\n  of = _C\n};',
    'but one whose name is another’s',
  )
})

function reach(parts: ReadonlyMap<string, Part>, path: string, reached = new Set<string>()): Set<string> {
  if (reached.has(path)) return reached
  reached.add(path)
  for (const next of parts.get(path)?.imports ?? []) reach(parts, next, reached)
  return reached
}
