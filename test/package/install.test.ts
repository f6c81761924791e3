import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { answerOf, expectedTokens, Project, reportsOnCpu } from './project.js'
import { Registry } from './registry.js'
import { runIn } from './run.js'
import { nodeProgram, tool } from './tools.js'

const skip = tool('verdaccio').missing || nodeProgram(24).missing
const folder = t.testdir({})
const registry = skip ? undefined : await Registry.start(join(folder, 'registry'))
t.teardown(() => registry?.stop())
await registry?.publishAll(folder)
const url = registry?.url ?? ''

const isolated = process.env['OPENVINO_LLM_TEST_NETWORK'] === 'none' ? false : 'this user may not leave the network'
t.test('no other machine can be reached', { skip: isolated }, async (t) => {
  t.same(readFileSync('/proc/net/route', 'utf8').trim().split('\n').length, 1, 'there is no route')
})

for (const major of [20, 22, 24, 26]) {
  t.test(
    `Node ${major}: npm install is the whole installation`,
    { skip: skip || nodeProgram(major).missing },
    async (t) => {
      const project = Project.create(folder, `node-${major}`, major)
      await project.npm(url, ['install', 'openvino-llm'])
      const modules = join(project.folder, 'node_modules')
      t.same(readdirSync(join(modules, '@openvino-llm')), ['linux-x64-gnu'], 'one platform')
      if (await project.lock()) t.throws(() => writeFileSync(join(modules, 'file'), ''), { code: 'EROFS' })
      else t.comment('node_modules stays writable: this user may not mount')
      for (const app of ['app.mjs', 'app.cjs']) {
        const ended = await project.run(app)
        const answer = answerOf(ended)
        t.equal(ended.stderr, '', 'no warning')
        t.same(answer.tokens, expectedTokens, app)
        t.match(answer.node, new RegExp(`^v${major}\\.`))
        t.same(answer.openvino, [join(modules, '@openvino-llm', 'linux-x64-gnu', 'libopenvino.so.2641')])
      }
      await project.unlock()
      await project.npm(url, ['uninstall', 'openvino-llm'])
      const left = existsSync(modules) ? readdirSync(modules, { recursive: true, withFileTypes: true }) : []
      const files = left.filter((entry) => !entry.isDirectory()).map((entry) => entry.name)
      t.same(files, ['.package-lock.json'], 'nothing is left but what is npm’s')
      t.same(readdirSync(project.home).sort(), ['.npm', 'bin'], 'nothing was written elsewhere')
    },
  )
}

t.test('in a worker thread, and beside another libopenvino on LD_LIBRARY_PATH', { skip }, async (t) => {
  const project = Project.create(folder, 'places')
  await project.npm(url, ['install', 'openvino-llm'])
  t.same(answerOf(await project.run('worker.mjs')).tokens, expectedTokens)

  const other = t.testdir({ 'libopenvino.so.2641': 'no library', 'libtbb.so.12': 'no library' })
  const answer = answerOf(await project.run('app.mjs', { env: { LD_LIBRARY_PATH: other } }))
  t.same(answer.tokens, expectedTokens)
  t.notOk(answer.openvino.join().includes(other))
})

t.test('the command is there', { skip }, async (t) => {
  const project = Project.create(folder, 'command')
  await project.npm(url, ['install', 'openvino-llm'])
  const args = ['node_modules/.bin/openvino-llm', 'generate', 'modèle tiny', 'Hello', '--raw']
  const { code, stderr } = await runIn(project.program, args, { cwd: project.folder, env: project.env })
  t.equal(code, 0, stderr)
  await reportsOnCpu(t, project)
})

t.test('an esbuild bundle with the package left outside', { skip }, async (t) => {
  const project = Project.create(folder, 'bundle')
  await project.npm(url, ['install', 'openvino-llm'])
  const esbuild = join(process.cwd(), 'node_modules', 'esbuild', 'bin', 'esbuild')
  for (const [format, entry] of [
    ['esm', 'app.mjs'],
    ['cjs', 'app.cjs'],
  ] as const) {
    const out = `bundle.${format === 'esm' ? 'mjs' : 'cjs'}`
    const recipe = ['--bundle', '--platform=node', `--format=${format}`, '--external:openvino-llm', `--outfile=${out}`]
    const banner =
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
    const how = { cwd: project.folder, env: { HOME: project.home, PATH: `${project.env['PATH']}:/usr/bin:/bin` } }
    const built = await runIn(process.execPath, [esbuild, entry, ...recipe, ...(format === 'esm' ? [banner] : [])], how)
    t.equal(built.code, 0, built.stderr)
    t.notOk(readFileSync(join(project.folder, out), 'utf8').includes("'openvino-llm/"))
    t.same(answerOf(await project.run(out)).tokens, expectedTokens, format)
  }
})

t.test('the commands that the errors name mend what they name', { skip }, async (t) => {
  const cases = [
    {
      name: 'omit=optional',
      async spoil(project: Project) {
        await project.npm(url, ['install', 'openvino-llm', '--omit=optional'])
      },
    },
    {
      name: 'a file that was cut',
      async spoil(project: Project) {
        await project.npm(url, ['install', 'openvino-llm'])
        const path = join(project.folder, 'node_modules', '@openvino-llm', 'linux-x64-gnu', 'openvino_llm.node')
        writeFileSync(path, readFileSync(path).subarray(0, 5000))
      },
    },
    {
      name: 'node_modules of another system',
      async spoil(project: Project) {
        await project.npm(url, ['install', 'openvino-llm', '--os=win32', '--cpu=x64'])
      },
    },
  ]
  for (const { name, spoil } of cases) {
    const project = Project.create(folder, name.replaceAll(' ', '-'))
    await spoil(project)
    const { code, stderr } = await project.run('app.mjs')
    t.equal(code, 1, name)
    const command = /Run: npm (.+)$/m.exec(stderr)?.[1]
    if (!command) {
      t.fail(`${name}: expected a command, found ${stderr}`)
      continue
    }
    await project.npm(url, command.split(' '))
    t.same(answerOf(await project.run('app.mjs')).tokens, expectedTokens, `${name}: npm ${command}`)
  }
})

const model = join(process.env['OPENVINO_LLM_CACHE'] ?? join(homedir(), '.cache', 'openvino-llm'), 'models')
const demoModel = join(model, 'SmolLM2-135M-Instruct.Q4_1.gguf')
const noDemo = existsSync(demoModel) ? false : 'the demo model is not in the cache'
t.test('the demo model answers', { skip: skip || noDemo }, async (t) => {
  const project = Project.create(folder, 'demo')
  await project.npm(url, ['install', 'openvino-llm'])
  const { code, stdout, stderr } = await runIn(project.program, ['demo.mjs', demoModel], {
    cwd: project.folder,
    env: project.env,
  })
  t.equal(code, 0, stderr)
  t.match(stdout, /Paris/)
})

const emulator = '/usr/bin/qemu-x86_64-static'
const noEmulator = existsSync(emulator)
  ? false
  : 'qemu-x86_64-static is not installed (apt-get install qemu-user-static)'
t.test(
  'a processor without AVX2 (Nehalem, emulated) answers, with one warning',
  { skip: skip || noEmulator },
  async (t) => {
    const project = Project.create(folder, 'nehalem')
    await project.npm(url, ['install', 'openvino-llm'])
    const args = ['-cpu', 'Nehalem', project.program, 'app.mjs', 'modèle tiny']
    const ended = await runIn(emulator, args, { cwd: project.folder, env: project.env })
    const { tokens, runner } = answerOf(ended)
    t.same(tokens, expectedTokens)
    t.equal(runner, 'stateful')
    t.equal(ended.stderr.match(/Warning: /g)?.length, 1, ended.stderr)
    t.match(ended.stderr, /\[cpu-without-avx2\]/)
  },
)

const electron = process.env['OPENVINO_LLM_TEST_ELECTRON']
const noElectron = electron
  ? false
  : 'npm’s electron downloads its program from elsewhere; OPENVINO_LLM_TEST_ELECTRON names one'
t.test('in Electron', { skip: skip || noElectron }, async (t) => {
  const project = Project.create(folder, 'electron')
  await project.npm(url, ['install', 'openvino-llm'])
  const env = { ...project.env, ELECTRON_RUN_AS_NODE: '1' }
  const ended = await runIn(String(electron), ['app.mjs', 'modèle tiny'], { cwd: project.folder, env })
  t.same(answerOf(ended).tokens, expectedTokens)
})

const openvinoNode = tool('openvino-node')
t.test('in a process that has tried openvino-node', { skip: skip || openvinoNode.missing }, async (t) => {
  const project = Project.create(folder, 'openvino-node')
  await project.npm(url, ['install', 'openvino-llm'])
  writeFileSync(
    join(project.folder, 'both.cjs'),
    `let found = 'loaded'
    try { require(${JSON.stringify(openvinoNode.folder)}) } catch (error) { found = error.message }
    console.error(found)
    require('./app.cjs')`,
  )
  const ended = await project.run('both.cjs')
  t.same(answerOf(ended).tokens, expectedTokens)
  if (!ended.stderr.startsWith('loaded')) t.comment(`openvino-node itself did not load: ${ended.stderr}`)
})

t.test('the packages were made from what is here', { skip }, async (t) => {
  // Otherwise everything above speaks of an older state.
  const packed = statSync(join('build', 'packages', 'linux-x64-gnu', 'openvino_llm.node')).mtimeMs
  t.ok(packed >= statSync(join('build', 'Release', 'openvino_llm.node')).mtimeMs)
})
