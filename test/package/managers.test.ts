import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answerOf, expectedTokens, Project } from './project.js'
import { Registry } from './registry.js'
import { runChecked } from './run.js'
import { nodeProgram, tool } from './tools.js'

const skip = tool('verdaccio').missing || nodeProgram(24).missing
const folder = t.testdir({})
const registry = skip ? undefined : await Registry.start(join(folder, 'registry'))
t.teardown(() => registry?.stop())
await registry?.publishAll(folder)
const url = registry?.url ?? ''

t.test('pnpm', { skip: skip || tool('pnpm').missing }, async (t) => {
  const project = Project.create(folder, 'pnpm')
  const pnpm = join(tool('pnpm').folder, 'bin', 'pnpm.cjs')
  const store = ['--store-dir', join(folder, 'store')]
  const how = { cwd: project.folder, env: project.env }
  await runChecked(project.program, [pnpm, 'add', 'openvino-llm', '--ignore-scripts', '--registry', url, ...store], how)
  for (const app of ['app.mjs', 'app.cjs']) t.same(answerOf(await project.run(app)).tokens, expectedTokens, app)
  await runChecked(project.program, [pnpm, 'remove', 'openvino-llm', ...store], how)
  t.notOk(existsSync(join(project.folder, 'node_modules', 'openvino-llm')))
})

const yarn = tool('@yarnpkg/cli-dist')
for (const linker of ['node-modules', 'pnp'] as const) {
  t.test(`Yarn, ${linker}`, { skip: skip || yarn.missing }, async (t) => {
    const project = Project.create(folder, `yarn-${linker}`)
    const settings = {
      nodeLinker: linker,
      npmRegistryServer: url.replace(/\/$/, ''),
      unsafeHttpWhitelist: ['127.0.0.1'],
      enableScripts: false,
      enableTelemetry: false,
      enableGlobalCache: false,
      // A package that was published a minute ago is otherwise too young.
      npmMinimalAgeGate: 0,
    }
    writeFileSync(join(project.folder, '.yarnrc.yml'), JSON.stringify(settings))
    writeFileSync(join(project.folder, 'yarn.lock'), '')
    const script = join(yarn.folder, 'bin', 'yarn.js')
    await runChecked(project.program, [script, 'add', 'openvino-llm'], { cwd: project.folder, env: project.env })
    const pnp = linker === 'pnp'
    t.equal(existsSync(join(project.folder, '.pnp.cjs')), pnp)
    t.equal(existsSync(join(project.folder, 'node_modules')), !pnp)
    const before = pnp ? ['-r', './.pnp.cjs', '--experimental-loader', './.pnp.loader.mjs', '--no-warnings'] : []
    for (const app of ['app.mjs', 'app.cjs']) {
      const answer = answerOf(await project.run(app, { before }))
      t.same(answer.tokens, expectedTokens, app)
      t.match(answer.openvino.join(), pnp ? /\.yarn\/unplugged/ : /node_modules/)
    }
  })
}
