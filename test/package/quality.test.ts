import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import t from 'tap'
import { packagesFolder } from './registry.js'
import { runChecked, runIn } from './run.js'

const require = createRequire(import.meta.url)
const main = join(packagesFolder, 'openvino-llm')
const { version } = JSON.parse(readFileSync(join(main, 'package.json'), 'utf8')) as { version: string }

t.test('publint finds nothing', async (t) => {
  for (const name of ['openvino-llm', 'linux-x64-gnu']) {
    const { messages, pkg } = await publint({ pkgDir: join(packagesFolder, name), strict: true, pack: false })
    t.same(
      messages.map((message) => formatMessage(message, pkg)),
      [],
      name,
    )
  }
})

t.test('are the types wrong? They are not', async (t) => {
  const attw = join(require.resolve('@arethetypeswrong/cli/package.json'), '..', 'dist', 'index.js')
  const tarball = join(packagesFolder, `openvino-llm-${version}.tgz`)
  // Every Node that this package runs on can require() the one ES module; node10 resolution knows no "exports".
  const args = [attw, tarball, '--no-emoji', '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm']
  const { code, stdout, stderr } = await runIn(process.execPath, args, {
    cwd: process.cwd(),
    env: { HOME: '/nonexistent' },
  })
  t.equal(code, 0, stdout + stderr)
})

t.test('importing takes at most 60 ms of processor time and loads no native code', async (t) => {
  const script = `
    const before = process.cpuUsage()
    await import(${JSON.stringify(pathToFileURL(join(main, 'dist', 'index.js')).href)})
    const { user, system } = process.cpuUsage(before)
    const { sharedObjects } = process.report.getReport()
    console.log(JSON.stringify({ ms: (user + system) / 1000, native: sharedObjects.filter((path) => /openvino/.test(path)) }))`
  let least = Number.POSITIVE_INFINITY
  // The least of several: the others measure what else the machine does.
  for (let i = 0; i < 9; i++) {
    const args = ['--input-type=module', '-e', script]
    const { stdout } = await runChecked(process.execPath, args, { cwd: process.cwd(), env: {} })
    const { ms, native } = JSON.parse(stdout) as { ms: number; native: string[] }
    t.same(native, [])
    least = Math.min(least, ms)
  }
  t.ok(least <= 60, `${least} ms`)
})
