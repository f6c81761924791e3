import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import t from 'tap'
import ts from 'typescript'

/**
 * The layers of lib/, the lowest first: a file may import its own layer and those above it in this list, types included. A file that is
 * named here is a layer of its own; everything else belongs to its folder.
 */
const layers = [
  'version.ts',
  'errors.ts',
  'http-status.ts',
  'file-error.ts',
  'disk-space.ts',
  'thread-task.ts',
  'process-task.ts',
  // What callers may ask for. Everything may read it, so it reads nothing.
  'options',
  'warnings.ts',
  // The declarations of the addon, then how it is found and opened, then what wraps it.
  'engine/boundary.ts',
  'engine/fields.ts',
  'addon',
  'engine',
  // Arithmetic of memory, and what a machine has.
  'memory',
  'devices',
  // What a model's files say, and their text.
  'text',
  'cache',
  // What is fetched from the hub.
  'hub',
  'model',
  // What is said about a model elsewhere, and where a reference leads.
  'model-yaml',
  'references',
  // What grammars are made of.
  'grammar',
  // An answer, and a request for one.
  'output',
  'generation',
  // The same requests, to a server.
  'remote',
  // What requests are made of that want no answer.
  'scoring',
  // The steps from a path to a model that is ready.
  'loading',
  // What is on this machine of what was fetched.
  'store',
  'metrics.ts',
  'info.ts',
  'llm.ts',
  // What is made of the package's own interface.
  'integrations',
  'evaluate',
  'index.ts',
  // What speaks HTTP.
  'server',
  'doctor',
  'self-test',
  'cli',
]

/** The layers of native/, likewise. `generated` is made by the build. */
const nativeLayers = ['generated', 'kernels', 'engine', 'grammar', 'openvino', 'node']

/** Headers that only one folder of native/ may include. */
const ownHeaders: [header: RegExp, folder: string][] = [
  [/^napi\.h$/, 'node'],
  [/^openvino\//, 'openvino'],
  [/^tbb\//, 'openvino'],
  [/^llguidance\.h$/, 'grammar'],
]

type Graph = ReadonlyMap<string, readonly string[]>

t.test('imports in lib/ only go down, and in no circle', async (t) => {
  const graph = importsOf('lib')
  t.ok(graph.size > 50)
  t.same(upward(graph, layers), [])
  t.same(circles(graph), [])
})

t.test('only lib/devices names devices, beside the default of the option and what the doctor explains', async (t) => {
  const naming = filesOf('lib', /\.ts$/)
    .filter((file) => !/^(devices\/|doctor\/|options\/load\.ts$)/.test(file))
    .filter((file) => /'(CPU|[GN]PU(\.\d+)?)'/.test(withoutComments(readFileSync(join('lib', file), 'utf8'))))
  t.same(naming, [])
})

t.test(
  'includes in native/ only go down, in no circle, and each library has one folder that includes it',
  async (t) => {
    const own = new Map<string, string[]>()
    const foreign: string[] = []
    for (const file of filesOf('native', /\.(cc|h)$/)) {
      const source = readFileSync(join('native', file), 'utf8')
      own.set(
        file,
        [...source.matchAll(/^#include "([^"]+)"/gm)].map(([, path = '']) => path),
      )
      for (const [, header = ''] of source.matchAll(/^#include <([^>]+)>/gm)) {
        const folder = ownHeaders.find(([pattern]) => pattern.test(header))?.[1]
        if (folder !== undefined && !file.startsWith(`${folder}/`)) foreign.push(`${file} includes <${header}>`)
      }
    }
    t.ok(own.size > 50)
    t.same(foreign, [])
    t.same(upward(own, nativeLayers), [])
    t.same(circles(own), [])
    // Kernels know weights and numbers, the engine knows sequences and steps: neither knows the other.
    t.same(
      [...own].filter(([file, to]) => file.startsWith('engine/') && to.some((path) => path.startsWith('kernels/'))),
      [],
    )
  },
)

t.test('what this test would find', async (t) => {
  const graph = (edges: Record<string, string[]>): Graph => new Map(Object.entries(edges))
  t.same(circles(graph({ a: ['b', 'd'], b: ['c'], c: ['b'], d: ['c'] })), ['b → c → b'])
  t.same(circles(graph({ a: ['a'] })), ['a → a'])
  t.same(circles(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] })), [])
  t.same(upward(graph({ 'low/a.ts': ['high/b.ts'], 'high/b.ts': ['low/a.ts', 'high/c.ts'] }), ['low', 'high']), [
    'low/a.ts imports high/b.ts',
  ])
  t.same(upward(graph({ 'low/a.ts': ['low/b.ts'], 'low/b.ts': [] }), ['low/b.ts', 'low']), [])
  t.same(upward(graph({ 'low/b.ts': ['low/a.ts'] }), ['low/b.ts', 'low']), ['low/b.ts imports low/a.ts'])
  t.same(upward(graph({ 'new/a.ts': [] }), ['low']), ['new/a.ts belongs to no layer'])
})

/** Paths below a folder, with slashes. */
function filesOf(folder: string, pattern: RegExp): string[] {
  const entries = readdirSync(folder, { recursive: true }) as string[]
  return entries
    .map((path) => path.split(sep).join('/'))
    .filter((path) => pattern.test(path))
    .sort()
}

/** What each TypeScript file below a folder imports or exports from of its own kind. */
function importsOf(folder: string): Graph {
  return new Map(
    filesOf(folder, /\.ts$/).map((file) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(folder, file), 'utf8'), true, true)
      const own = importedFiles.map(({ fileName }) => fileName).filter((path) => path.startsWith('.'))
      return [file, own.map((path) => posix.join(posix.dirname(file), path).replace(/\.js$/, '.ts'))]
    }),
  )
}

/** Imports that go to a layer further down in the list, which is a higher one. */
function upward(graph: Graph, order: readonly string[]): string[] {
  const level = (file: string): number => {
    const own = order.indexOf(file)
    return own >= 0 ? own : order.indexOf(file.split('/')[0] as string)
  }
  return [...graph].flatMap(([file, imported]) => {
    if (level(file) < 0) return [`${file} belongs to no layer`]
    return imported.filter((to) => level(to) > level(file)).map((to) => `${file} imports ${to}`)
  })
}

/** One line for each circle that a walk through the graph meets. */
function circles(graph: Graph): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const walk = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || done.has(file)) return
    for (const next of graph.get(file) ?? []) walk(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) walk(file, [])
  return found
}

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
}
