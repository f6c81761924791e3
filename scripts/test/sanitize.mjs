// @ts-check
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { writeErrorCodes } from '../build/error-codes.mjs'
import { grammarLibrary, leftOut } from '../build/grammar.mjs'
import { findCompiler } from '../build/tools.mjs'
import { ask, Complaint, root, run, runMain } from '../run.mjs'

/** What each build is instrumented for; address and thread exclude each other. */
const builds = ['address,undefined', 'thread']

const out = join(root, 'build', 'sanitize')

/** The exit code of a program whose sanitizer has reported something; a failed test is 1. */
const reported = 86

/** Milliseconds. The tests take about a minute: a run of this length hangs. */
const deadline = 1_800_000

runMain(async () => {
  const compiler = await findSanitizer()
  await writeErrorCodes()
  const grammars = await grammarLibrary()
  if (grammars.reason !== undefined) console.log(leftOut(grammars.reason))
  const parts = ['engine', 'kernels', ...(grammars.folder === undefined ? [] : ['grammar'])]
  const folders = parts.flatMap((part) => [`native/${part}`, `test/native/${part}`])
  const sources = [join('test', 'native', 'main.cc'), ...(await Promise.all(folders.map(listSources))).flat()]
  const verdicts = []
  for (const sanitizer of builds) {
    verdicts.push({ sanitizer, verdict: await test(compiler, sanitizer, sources, grammars.folder) })
  }
  for (const { sanitizer, verdict } of verdicts)
    console.log(`-fsanitize=${sanitizer}: ${verdict ?? 'passed, no report'}`)
  return verdicts.some(({ verdict }) => verdict) ? 1 : 0
})

/**
 * @returns {Promise<string>} g++, clang++ or CXX
 * @throws {Complaint}
 */
async function findSanitizer() {
  if (process.platform === 'win32') {
    throw new Complaint('The sanitizers need g++ or clang++ on Linux or macOS; on Windows these tests run under WSL.')
  }
  const { missing } = await findCompiler()
  if (missing) throw new Complaint(missing)
  for (const command of [process.env.CXX, 'g++', 'clang++']) {
    if (command && (await ask(command, ['--version']))) return command
  }
  throw new Complaint('A C++ compiler was found and has disappeared.')
}

/**
 * @param {string} folder relative to the root
 * @returns {Promise<string[]>}
 */
async function listSources(folder) {
  const names = await readdir(join(root, folder), { recursive: true })
  // left_out.cc stands in for the library of grammars where there is none.
  return names.filter((name) => name.endsWith('.cc') && name !== 'left_out.cc').map((name) => join(folder, name))
}

/**
 * Builds the C++ tests with a sanitizer and runs them.
 * @param {string} compiler
 * @param {string} sanitizer
 * @param {string[]} sources
 * @param {string | undefined} grammars the folder of the library of grammars, which is not instrumented itself
 * @returns {Promise<string | undefined>} what went wrong
 * @throws {Complaint} when the compiler has no such sanitizer
 */
async function test(compiler, sanitizer, sources, grammars) {
  const flags = [
    `-fsanitize=${sanitizer}`,
    '-fno-sanitize-recover=all',
    '-fno-omit-frame-pointer',
    '-g',
    '-O1',
    '-pthread',
  ]
  await checkSanitizer(compiler, sanitizer, flags)
  const folder = join(out, sanitizer.replace(',', '-'))
  await rm(folder, { force: true, recursive: true })
  console.log(`# ${compiler} -fsanitize=${sanitizer}`)
  const includes = ['-Inative', '-Ibuild', '-Itest/native', ...(grammars === undefined ? [] : ['-isystem', grammars])]
  const objects = await compileAll([compiler, '-std=c++20', ...flags, ...includes], sources, folder)
  const program = join(folder, 'native_tests')
  const libraries = grammars === undefined ? [] : [join(grammars, 'libllm_grammar.a'), '-ldl', '-lm']
  if (!objects || (await run(compiler, [...flags, ...objects, ...libraries, '-o', program])) !== 0) {
    return 'the tests do not compile (see above)'
  }
  const code = await run(program, [], { env: environment(), timeout: deadline })
  if (code === reported) return 'a report of the sanitizer (see above)'
  if (code === 1) return 'a test failed (see above)'
  return code === 0 ? undefined : `the tests ended with exit code ${code}, or hung (see above)`
}

/**
 * Compiles each source by itself, as many at once as there are processors.
 * @param {string[]} command compiler and flags; CMAKE_CXX_COMPILER_LAUNCHER goes before it, as CMake does it
 * @param {string[]} sources
 * @param {string} folder
 * @returns {Promise<string[] | undefined>} the objects; undefined when a source does not compile
 */
async function compileAll(command, sources, folder) {
  const launcher = process.env.CMAKE_CXX_COMPILER_LAUNCHER
  const [program, ...flags] = /** @type {[string, ...string[]]} */ (launcher ? [launcher, ...command] : command)
  const objects = sources.map((source) => join(folder, `${source}.o`))
  const left = sources.entries()
  let failed = false
  const work = async () => {
    for (const [i, source] of left) {
      if (failed) return
      const object = /** @type {string} */ (objects[i])
      await mkdir(dirname(object), { recursive: true })
      if ((await run(program, [...flags, '-c', source, '-o', object])) !== 0) failed = true
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return failed ? undefined : objects
}

/**
 * A compiler may know the flag but lack the library, or the library may not run on this Linux kernel.
 * @param {string} compiler
 * @param {string} sanitizer
 * @param {string[]} flags
 */
async function checkSanitizer(compiler, sanitizer, flags) {
  await mkdir(out, { recursive: true })
  const source = join(out, 'probe.cc')
  const program = join(out, 'probe')
  await writeFile(source, 'int main() { return 0; }\n')
  if ((await ask(compiler, [...flags, source, '-o', program])) === undefined) {
    throw new Complaint(
      `${compiler} cannot build with -fsanitize=${sanitizer}. Debian/Ubuntu: sudo apt install build-essential. Fedora: sudo dnf install libasan libubsan libtsan. Else: CXX names another compiler.`,
    )
  }
  if ((await ask(program, [])) === undefined) {
    throw new Complaint(
      `A program built with -fsanitize=${sanitizer} does not start here. On Linux: sudo sysctl vm.mmap_rnd_bits=28. Else: CXX names another compiler.`,
    )
  }
}

/** @returns {NodeJS.ProcessEnv} */
function environment() {
  return {
    ...process.env,
    ASAN_OPTIONS: `exitcode=${reported}:detect_stack_use_after_return=1:detect_leaks=${process.platform === 'linux' ? 1 : 0}`,
    UBSAN_OPTIONS: `exitcode=${reported}:print_stacktrace=1`,
    TSAN_OPTIONS: `exitcode=${reported}:halt_on_error=1:second_deadlock_stack=1`,
  }
}
