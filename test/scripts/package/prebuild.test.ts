import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { skipWithoutGrammars } from '../../llm/constrained.js'
import { answerOf, expectedTokens, Project, reportsOnCpu } from '../../package/project.js'
import { runChecked } from '../../package/run.js'
import { npmScript } from '../../package/tools.js'
import { node } from '../script.js'

const here = `${process.platform}-${process.arch}`
const skip = here === 'linux-x64' ? false : 'the files here have the names of Linux x64'
const packages = join(process.cwd(), 'build', 'packages')
const release = join(process.cwd(), 'build', 'Release')
const platform = { name: '@openvino-llm/linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' }

const module = <T>(name: string) => import(pathToFileURL(join('scripts', 'package', name)).href) as Promise<T>
const { checkPlatformFolder, checkSize, compareVersions, isBinaryFor } = await module<{
  checkPlatformFolder(folder: string, of: typeof platform): Promise<{ problems: string[]; glibc?: string }>
  checkSize(kind: string, folder: string, tarball: string): Promise<{ problems: string[] }>
  compareVersions(a: string, b: string): number
  isBinaryFor(file: Buffer, of: { os: string; cpu: string }): boolean
}>('check-platform.mjs')
const { checkMainFolder } = await module<{ checkMainFolder(folder: string): Promise<string[]> }>('check-main.mjs')
const { isHookOfBuild } = await module<{
  isHookOfBuild(look: (pid: number) => Promise<{ parent: number; command: string } | undefined>): Promise<boolean>
}>('hook.mjs')

const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS)/.test(name)))

// 150 MB are packed and unpacked.
t.test('both packages are made, and installed without a network they answer', { skip }, async (t): Promise<void> => {
  const made = await node(['scripts/package/prebuild.mjs'], env as Record<string, string>)
  if (/^pip could not download/m.test(made.stderr)) {
    t.pass('made and installed', { skip: 'OpenVINO’s licences could not be downloaded' })
    return
  }
  if (skipWithoutGrammars) {
    t.match(made, { code: 1, stderr: /No package is made\. Structured output is left out: / })
    return
  }
  t.equal(made.code, 0, made.stderr)
  t.match(made.stdout, /The addon needs GLIBC 2\.\d+ and GLIBCXX 3\.4\.\d+\./)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  const folder = t.testdir({})
  const project = new Project(join(folder, 'a projéct'), join(folder, 'home'), process.execPath)
  const tarballs = ['openvino-llm', 'openvino-llm-linux-x64-gnu'].map((name) =>
    join(packages, `${name}-${version}.tgz`),
  )
  const { packages: installed } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { dev?: boolean }>
  }
  for (const [path, { dev }] of Object.entries(installed)) {
    if (!path || dev) continue
    const how = { cwd: path, env: { HOME: project.home, PATH: '/usr/bin:/bin' } }
    const pack = [npmScript(), 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder]
    tarballs.push(join(folder, (await runChecked(process.execPath, pack, how)).stdout.trim()))
  }
  const install = [npmScript(), 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs]
  await runChecked(process.execPath, install, { cwd: project.folder, env: project.env })
  for (const app of ['app.mjs', 'app.cjs']) {
    const answer = answerOf(await project.run(app))
    t.same(answer.tokens, expectedTokens, app)
    t.ok(answer.openvino.every((path) => path.startsWith(join(project.folder, 'node_modules', platform.name))))
  }
  await reportsOnCpu(t, project)
})

t.test('what is wrong with a platform’s folder is found', { skip }, async (t) => {
  const folder = t.testdir({ 'notes.txt': '', 'libopenvino_c.so.2641': 'no library' })
  const copy = (from: string, to = from) => copyFileSync(join(release, from), join(folder, to))
  copy('openvino_llm.node')
  copy('libopenvino_ir_frontend.so.2641', 'libopenvino_ir_frontend.so')
  const { problems } = await checkPlatformFolder(folder, platform)
  for (const expected of [
    /^notes\.txt: belongs to no component/,
    /^libopenvino_c\.so\.2641: damaged \(no 64-bit ELF file\)/,
    /^openvino_llm\.node: needs .*libopenvino\.so\.2641.*, which is neither shipped/,
    /^openvino_llm\.node: not stripped/,
    /^libopenvino_ir_frontend\.so: expected the name libopenvino_ir_frontend\.so\.2641/,
  ]) {
    t.ok(
      problems.some((problem) => expected.test(problem)),
      `${expected}`,
    )
  }
  const arm = await checkPlatformFolder(folder, { ...platform, cpu: 'arm64' })
  t.ok(arm.problems.includes('openvino_llm.node: expected a library for linux arm64'))
  t.notOk(isBinaryFor(readFileSync(join(folder, 'openvino_llm.node')), { os: 'darwin', cpu: 'arm64' }))

  const bytes = readFileSync(join(folder, 'openvino_llm.node')).toString('latin1')
  writeFileSync(join(folder, 'openvino_llm.node'), Buffer.from(`${bytes}/home/me/src/addon.cc`, 'latin1'))
  const leaky = await checkPlatformFolder(folder, platform)
  t.ok(leaky.problems.includes('openvino_llm.node: holds the path /home/me/src/addon.cc'), leaky.problems.join('\n'))
})

t.test('an addon with more exports, or found by DT_RUNPATH, is refused', { skip }, async (t) => {
  const folder = t.testdir({})
  const file = readFileSync(join(release, 'libopenvino_gguf_frontend.so.2641'))
  writeFileSync(join(folder, 'openvino_llm.node'), file)
  const { problems } = await checkPlatformFolder(folder, platform)
  t.ok(
    problems.some((problem) => /exports \d+ more symbols than a module has to/.test(problem)),
    problems.join('\n'),
  )
  t.ok(problems.includes('openvino_llm.node: does not export napi_register_module_v1'))
  t.ok(problems.includes('openvino_llm.node: built without structured output, which needs Rust'))
})

t.test('the floor of the build can be limited', { skip }, async (t) => {
  const { code, stderr } = await node(
    ['scripts/package/prebuild.mjs', '--max-glibc', '2.5'],
    env as Record<string, string>,
  )
  t.equal(code, 1)
  t.match(stderr, /The addon needs GLIBC 2\.\d+, newer than 2\.5\.\n$/)
  t.ok(compareVersions('2.28', '2.5') > 0)
  t.ok(compareVersions('3.4.22', '3.4.30') < 0)
  t.equal(compareVersions('2.28', '2.28'), 0)
})

t.test('a package over its budget, with a script, an inexact version or an unknown licence is refused', async (t) => {
  const manifest = { scripts: { postinstall: '' }, dependencies: { a: '^1.0.0', b: '1.0.0' } }
  const bill = { components: [{ name: 'a', licenses: [{ license: { id: 'GPL-3.0' } }] }] }
  const folder = t.testdir({
    'package.json': JSON.stringify(manifest),
    'sbom.json': JSON.stringify(bill),
    dist: { 'index.js': 'x'.repeat(2_500_001), 'index.js.map': '' },
  })
  t.same((await checkMainFolder(folder)).sort(), [
    'dist/index.js.map: should not be shipped',
    'package.json: expected an exact version of a, found ^1.0.0',
    'package.json: expected no scripts, found postinstall',
    'sbom.json: a has the licence GPL-3.0, which is not on the list',
    'sbom.json: b is missing',
    'sbom.json: marked is missing',
    'sbom.json: preact is missing',
  ])
  const { problems } = await checkSize('main', folder, join(folder, 'dist', 'index.js'))
  t.match(problems, [/2500001 bytes packed, more than 1000000$/, /bytes unpacked, more than 2500000$/])
})

t.test('the package for a platform that was not built is not made', async (t) => {
  const { code, stderr } = await node(
    ['scripts/package/prebuild.mjs', '--platform', 'plan9-x64'],
    env as Record<string, string>,
  )
  t.equal(code, 1)
  t.match(stderr, /^--platform: expected one of linux-x64, .+ found plan9-x64\n$/)
})

t.test('npm run build runs a script named prebuild first, which then does nothing', async (t) => {
  const tree = (command: string) => async (pid: number) =>
    pid === process.ppid ? { parent: 1, command: 'sh -c node scripts/package/prebuild.mjs' } : { parent: 0, command }
  const before = process.env['npm_lifecycle_event']
  t.teardown(() => {
    if (before === undefined) delete process.env['npm_lifecycle_event']
    else process.env['npm_lifecycle_event'] = before
  })
  process.env['npm_lifecycle_event'] = 'prebuild'
  for (const command of [
    'npm run build',
    'npm run build --js',
    'node /x/npm-cli.js run-script build',
    'npm run --silent build',
  ])
    t.equal(await isHookOfBuild(tree(command)), true, command)
  for (const command of ['npm run prebuild', 'npm run prebuild --main', 'bash build.sh'])
    t.equal(await isHookOfBuild(tree(command)), false, command)
  process.env['npm_lifecycle_event'] = 'test'
  t.equal(await isHookOfBuild(tree('npm run build')), false)
})
