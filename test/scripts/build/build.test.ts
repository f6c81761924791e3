import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fakeTool, node } from '../script.js'

const skip = process.platform === 'win32' ? 'the fake tools are sh scripts' : false
const native = ['scripts/build/build.mjs', '--native']

/** A folder for PATH and one for the cache; the tools named are found and say a version. */
function machine(folder: string, tools: Record<string, string>): Record<string, string> {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const [name, script] of Object.entries(tools)) fakeTool(bin, name, script)
  return { PATH: bin, OPENVINO_LLM_CACHE: join(folder, 'cache') }
}

const compiler = 'echo "g++ 12.2.0"'
const cmake = 'echo "cmake version 3.25.1"'
const make = 'echo "GNU Make 4.3"'
/** Answers the question for its version, and runs `pip` for every call of pip. */
const python = (pip: string) => `case "$*" in *"-m pip"*) ${pip};; *) echo 3;; esac`

const cases = [
  {
    name: 'a compiler',
    tools: { cmake, make, python3: python('echo pip 24.0') },
    line: /^A C\+\+ compiler was not found/,
  },
  { name: 'Python', tools: { 'g++': compiler, cmake, make }, line: /^Python 3 was not found/ },
  { name: 'pip', tools: { 'g++': compiler, cmake, make, python3: python('exit 1') }, line: /^pip was not found/ },
]
for (const { name, tools, line } of cases) {
  t.test(`without ${name} the build ends with the one line that says how to get it`, { skip }, async (t) => {
    const folder = t.testdir({})
    const { code, stdout, stderr } = await node(native, machine(folder, tools))
    t.equal(code, 1)
    t.equal(stdout, '')
    const lines = stderr.trimEnd().split('\n')
    t.equal(lines.length, 1, stderr)
    t.match(lines[0], line)
    for (const system of ['Debian/Ubuntu: ', 'Fedora: ', 'macOS', 'Windows: ']) t.ok(stderr.includes(system), system)
    t.same(readdirSync(folder), ['bin'], 'nothing was begun')
  })
}

t.test('an old pip is named with its version', { skip }, async (t) => {
  const tools = { 'g++': compiler, cmake, make, python3: python('echo pip 18.1 from somewhere') }
  const { code, stderr } = await node(native, machine(t.testdir({}), tools))
  t.equal(code, 1)
  t.match(stderr, /^python3 has pip 18\.1, expected 19\.3 or newer: .+\n$/)
})

t.test('CMake is only missing when pip is missing as well', { skip }, async (t) => {
  const cached = { cache: { openvino: {} } }
  const environment = machine(t.testdir(cached), { 'g++': compiler, make, cmake: 'echo "cmake version 3.19.8"' })
  const { code, stderr } = await node(native, { ...environment, OpenVINO_DIR: openvino(t.testdirName, 2026, 4) })
  t.equal(code, 1)
  t.match(stderr, /^CMake 3\.20 or newer was not found, .+\n$/)
})

t.test('an empty machine gets one line for each tool', { skip }, async (t) => {
  const { code, stderr } = await node(native, machine(t.testdir({}), {}))
  t.equal(code, 1)
  const subjects = stderr
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' was not found')[0])
  t.same(subjects, ['A C++ compiler', 'Python 3', 'CMake 3.20 or newer', 'make or ninja'])
})

/** A folder that looks like an installed OpenVINO of that version. */
function openvino(folder: string, year: number, release: number): string {
  const cmakeFolder = join(folder, 'runtime', 'cmake')
  mkdirSync(cmakeFolder, { recursive: true })
  writeFileSync(join(cmakeFolder, 'OpenVINOConfig.cmake'), '')
  const version = `set(PACKAGE_VERSION_MAJOR ${year})\nset(PACKAGE_VERSION_MINOR ${release})\n`
  writeFileSync(join(cmakeFolder, 'OpenVINOConfig-version.cmake'), version)
  return cmakeFolder
}

t.test('OpenVINO_DIR is used as it is, without Python and without a download', async (t) => {
  const folder = openvino(t.testdir({}), 2026, 4)
  const { code, stdout, stderr } = await node(['scripts/build/openvino.mjs'], { PATH: '', OpenVINO_DIR: folder })
  t.same({ code, stdout, stderr }, { code: 0, stdout: `${folder}\n`, stderr: '' })
})

t.test('a wrong OpenVINO_DIR is named, with the folder that was meant', async (t) => {
  const root = t.testdir({})
  const folder = openvino(root, 2026, 4)
  const { code, stderr } = await node(['scripts/build/openvino.mjs'], { PATH: '', OpenVINO_DIR: root })
  t.equal(code, 1)
  t.equal(
    stderr,
    `OpenVINO_DIR: expected the folder that holds OpenVINOConfig.cmake, found none in ${root}; did you mean ${folder}?\n`,
  )
})

t.test('an OpenVINO that is too old is refused', async (t) => {
  const folder = openvino(t.testdir({}), 2025, 4)
  const { code, stderr } = await node(['scripts/build/openvino.mjs'], { PATH: '', OpenVINO_DIR: folder })
  t.equal(code, 1)
  t.match(stderr, /^OpenVINO_DIR: expected OpenVINO 2026\.4 or newer, found 2025\.4 in .+\n$/)
})

t.test('what is in the cache is not fetched again, and half of it is not taken for the whole', { skip }, async (t) => {
  const environment = machine(t.testdir({}), {})
  const first = await node(['scripts/build/openvino.mjs'], environment)
  t.match(first.stderr, /^Python 3 was not found/, 'an empty cache needs pip')
  t.same(readdirSync(join(t.testdirName, 'cache', 'openvino')), [], 'the attempt left nothing behind')
  const folder = join(t.testdirName, 'cache', 'openvino', `2026.4.1-${process.platform}-${process.arch}`)
  mkdirSync(folder)
  t.match((await node(['scripts/build/openvino.mjs'], environment)).stderr, /^Python 3 was not found/)
  const cmakeFolder = join(folder, 'openvino', 'cmake')
  mkdirSync(cmakeFolder, { recursive: true })
  writeFileSync(join(cmakeFolder, 'OpenVINOConfig.cmake'), '')
  t.same(await node(['scripts/build/openvino.mjs'], environment), { code: 0, stdout: `${cmakeFolder}\n`, stderr: '' })
})

t.test('what a killed download left is removed, what another process is writing is not', { skip }, async (t) => {
  const name = `2026.4.1-${process.platform}-${process.arch}.tmp-`
  // No system gives this number to a process.
  const [dead, alive] = [`${name}2147483646-0a1b2c3d`, `${name}${process.pid}-0a1b2c3d`]
  const environment = machine(t.testdir({ cache: { openvino: { [dead]: { file: '' }, [alive]: {} } } }), {})
  t.equal((await node(['scripts/build/openvino.mjs'], environment)).code, 1)
  t.same(readdirSync(join(t.testdirName, 'cache', 'openvino')), [alive])
})

t.test('a cache folder that cannot be written is named, with the variable that moves it', { skip }, async (t) => {
  const file = join(t.testdir({ cache: 'a file' }), 'cache')
  const { code, stderr } = await node(['scripts/build/openvino.mjs'], { PATH: '', OPENVINO_LLM_CACHE: file })
  t.equal(code, 1)
  t.ok(stderr.startsWith(`${join(file, 'openvino')}: the cache folder cannot be written`), stderr)
  t.match(stderr, /OPENVINO_LLM_CACHE names another\.\n$/)
})
