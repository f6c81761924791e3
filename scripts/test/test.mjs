// @ts-check
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, relative, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { buildPage } from '../build/page.mjs'
import { exists } from '../build/wheel.mjs'
import { demoModel } from '../demo-model.mjs'
import { packageTools } from '../package/package-tools.mjs'
import { ask, Complaint, root, run, runMain } from '../run.mjs'
import { clientTools } from './client-tools.mjs'
import { computes } from './computing.mjs'
import { emulatedGpu } from './emulated-gpu.mjs'
import { environmentFor, isCapped } from './isa.mjs'
import { TestReport } from './test-report.mjs'

const usage = `npm test -- [--lint] [--package | --clients | --gpu] [--isa LEVEL] [--also-as LEVEL] [PART-OF-A-PATH ...]
  compiles the TypeScript, runs the C++ tests and those test files whose path holds one of the words (default: all)
  --lint           also checks style, as one more test
  --package        the tests of the packed packages instead, which npm run test:package packs first
  --clients        the tests of clients and frameworks around the server instead, which it installs into the cache first
  --gpu            the tests on OpenVINO's GPU plugin with an emulated device instead, whose runtime it installs into the cache
                   first when --accept-intel-eula says that you accept its licence
  --isa LEVEL      runs them as on a CPU with these instructions: sse41, avx2, avx2_vnni, avx512_core, avx512_core_vnni
  --also-as LEVEL  then runs those that compute with OpenVINO or the built-in kernels once more as on such a CPU`

const require = createRequire(import.meta.url)

runMain(async () => {
  const { values, positionals } = parseArgs({
    options: {
      lint: { type: 'boolean' },
      package: { type: 'boolean' },
      clients: { type: 'boolean' },
      gpu: { type: 'boolean' },
      'accept-intel-eula': { type: 'boolean' },
      isa: { type: 'string' },
      'also-as': { type: 'string' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  })
  if (values.help) {
    console.log(usage)
    return
  }
  const { isa, 'also-as': alsoAs } = values
  const env = { ...process.env, ...(isa !== undefined && environmentFor(isa)) }
  const secondEnv = alsoAs === undefined ? undefined : { ...process.env, ...environmentFor(alsoAs) }

  const gpu = values.gpu ? await emulatedGpu(values['accept-intel-eula'] ?? false) : {}

  const report = new TestReport()
  if (values.lint && (await run(process.execPath, [join(root, 'scripts', 'lint.mjs')])) !== 0) report.fail('lint')
  else if (values.lint) report.passed++

  if ((await run(process.execPath, [require.resolve('typescript/bin/tsc'), '-b'])) !== 0) {
    report.fail('tsc -b: the TypeScript does not compile, so none of its tests ran')
    return report.finish()
  }
  await buildPage()
  const matches = (/** @type {string} */ path) => !positionals.length || positionals.some((part) => path.includes(part))
  const wanted = values.package ? 'package' : values.clients ? 'clients' : values.gpu ? 'gpu' : 'usual'
  const natives =
    wanted === 'usual' && matches('test/native/') ? ['native_tests', 'grammar_tests', 'openvino_tests'] : []
  const files = (await testFiles()).filter((path) => setOf(path) === wanted && matches(path))
  if (files.length > 0) {
    await demoModel().catch((error) => {
      if (!(error instanceof Complaint)) throw error
      console.error(`${error.message}\nThe tests that need the demo model are skipped.`)
    })
  }
  if (wanted === 'package') {
    await packageTests(report, files, env)
    return report.finish()
  }
  if (wanted === 'clients') {
    const all = [...files, ...(await withOpenAIClient(matches))]
    if (all.length > 0)
      await tapTests(report, all, { env: { ...env, ...(await clientTools()) }, options: ['--jobs=1'] })
    return report.finish()
  }
  if (wanted === 'gpu') {
    // Each compiles kernels, or reads many. In turn they share what was built.
    if (files.length > 0)
      await tapTests(report, files, { env: { ...env, ...gpu }, options: ['--timeout=7200', '--jobs=1'] })
    return report.finish()
  }
  await allTests(report, natives, files, env)
  if (secondEnv && alsoAs !== undefined && !isCapped(alsoAs)) {
    console.log(`\nThis CPU has nothing beyond ${alsoAs}: the tests ran as on such a CPU, and do not run once more.`)
  } else if (secondEnv) {
    report.context = `as ${alsoAs}`
    console.log(`\nOnce more, as on a CPU with ${alsoAs}:`)
    const again = await Promise.all(files.map((path) => computes(path)))
    await allTests(
      report,
      natives,
      files.filter((_, index) => again[index]),
      secondEnv,
    )
  }
  return report.finish()
})

/**
 * @param {TestReport} report
 * @param {string[]} natives names of programs of C++ tests
 * @param {string[]} files sources of the others
 * @param {NodeJS.ProcessEnv} env
 */
async function allTests(report, natives, files, env) {
  for (const name of natives) await nativeTests(report, name, env)
  if (files.length > 0) await tapTests(report, files, { env })
}

/**
 * The sources of the test files, such as test/output/stop-words.test.ts. Compiled files are not listed: some are left over
 * from deleted tests.
 */
async function testFiles() {
  const entries = await readdir(join(root, 'test'), { recursive: true })
  const paths = entries.map((entry) => ['test', ...entry.split(sep)].join('/'))
  return paths.filter((path) => path.endsWith('.test.ts')).sort()
}

/**
 * The tests of the usual set that ask with OpenAI's client. Beside those of clients they run once more, with the release installed there.
 * @param {(path: string) => boolean} matches
 */
async function withOpenAIClient(matches) {
  const paths = (await testFiles()).filter((path) => path.startsWith('test/server/') && matches(path))
  const sources = await Promise.all(paths.map((path) => readFile(join(root, path), 'utf8')))
  return paths.filter((_, index) => sources[index]?.includes("from './openai.js'"))
}

/**
 * Which set of tests a file belongs to.
 * @param {string} path
 */
function setOf(path) {
  const [, folder] = path.split('/')
  return folder === 'package' || folder === 'clients' || folder === 'gpu' ? folder : 'usual'
}

/**
 * Runs the tests of the packages without a network, if this user may make such a namespace.
 * @param {TestReport} report
 * @param {string[]} sources
 * @param {NodeJS.ProcessEnv} given
 */
async function packageTests(report, sources, given) {
  if (sources.length === 0) return
  const folders = JSON.stringify(await packageTools())
  const env = { ...given, OPENVINO_LLM_PACKAGE_TOOLS: folders, OPENVINO_LLM_TEST_NETWORK: 'none' }
  const unshare = process.getuid?.() === 0 ? ['unshare', '-mn'] : ['unshare', '-rmn']
  const alone = [...unshare, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
  const mayBeAlone = (await ask('unshare', [...unshare.slice(1), 'ip', 'link', 'set', 'lo', 'up'])) !== undefined
  // A registry, four versions of Node and an emulated processor are slow, so one file at a time.
  const options = ['--timeout=3600', '--jobs=1']
  if (mayBeAlone) await tapTests(report, sources, { options, env, before: alone })
  else await tapTests(report, sources, { options, env: { ...env, OPENVINO_LLM_TEST_NETWORK: 'there' } })
}

/**
 * @param {TestReport} report
 * @param {string[]} sources
 * @param {{ options?: string[], env: NodeJS.ProcessEnv, before?: string[] }} how `before` is a command that runs the tests'
 */
async function tapTests(report, sources, { options = [], env, before = [] }) {
  const tap = join(require.resolve('tap/package.json'), '..', 'dist', 'esm', 'run.mjs')
  const files = sources.map((path) => join('build', path.replace(/\.ts$/, '.js')))
  const [command = process.execPath, ...args] = [...before, process.execPath]
  const child = spawn(command, [...args, tap, 'run', '--reporter=tap', ...options, ...files], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  const failedBefore = report.failed
  await report.read(child.stdout, 'tap')
  const [code, signal] = await closed
  if ((code !== 0 || signal) && report.failed === failedBefore) {
    report.fail('tap', `it ended with ${signal ?? `exit code ${code}`} although no test failed`)
  }
}

/**
 * C++ tests are programs that print TAP: those of the engine and the kernels, those of grammars, and those that need OpenVINO.
 * @param {TestReport} report
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 */
async function nativeTests(report, name, env) {
  const program = join(root, 'build', 'Release', process.platform === 'win32' ? `${name}.exe` : name)
  if (!(await exists(program))) {
    report.skipped.push(`${relative(root, program)}: not built, see npm run build`)
    return
  }
  const child = spawn(program, [], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const before = { passed: report.passed, failed: report.failed }
  await report.read(child.stdout, name)
  const [code, signal] = await closed
  if ((code !== 0 || signal) && report.failed === before.failed) {
    report.fail(name, `it ended with ${signal ?? `exit code ${code}`} although no test failed`)
  }
  console.log(`${name}  ${report.passed - before.passed} passed`)
}
