import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { refused } from '#lib/addon/open.js'
import { packageName, whyMissing } from '#lib/addon/platform-package.js'
import { checkSystem, type SystemInfo, systemInfo } from '#lib/addon/system.js'
import { packageVersion } from '#lib/version.js'

const release = join(process.cwd(), 'build', 'Release')
const skip =
  process.platform === 'linux' && process.arch === 'x64' ? false : 'the files here have the names of Linux x64'
const name = '@openvino-llm/linux-x64-gnu'

interface Installed {
  root: string
  /** Of openvino-llm. */
  main: string
  /** Of the platform's package. */
  platform: string
}

/** A node_modules as npm makes it from the two packages; what is in the platform's are links to the build. */
function install(root: string, { version = packageVersion, openvino = '2026.4.1', glibc = '2.28' } = {}): Installed {
  const main = join(root, 'node_modules', 'openvino-llm')
  const platform = join(root, 'node_modules', name)
  mkdirSync(main, { recursive: true })
  mkdirSync(platform, { recursive: true })
  cpSync('dist', join(main, 'dist'), { recursive: true })
  copyFileSync('package.json', join(main, 'package.json'))
  const files: Record<string, number> = {}
  for (const file of readdirSync(release).filter((found) => /\.(node|so(\.\d+)?)$/.test(found))) {
    symlinkSync(join(release, file), join(platform, file))
    files[file] = statSync(join(release, file)).size
  }
  writeFileSync(
    join(platform, 'index.cjs'),
    "exports.folder = __dirname; exports.load = () => require('./openvino_llm.node')",
  )
  const manifest = { name, version, main: 'index.cjs', openvinoLlm: { openvino, glibc, files } }
  writeFileSync(join(platform, 'package.json'), JSON.stringify(manifest))
  return { root, main, platform }
}

/** Loads the addon in a fresh process and gives what it says, or the error's code and message. */
function load({ main }: Installed, env: Record<string, string> = {}, uid?: number) {
  const script = `import(${JSON.stringify(join(main, 'dist', 'addon', 'load.js'))}).then(({ loadAddon }) => {
    try {
      const { openvino } = loadAddon().buildInfo()
      const maps = require('fs').readFileSync('/proc/self/maps', 'utf8')
      console.log(JSON.stringify({ openvino, from: [...new Set(maps.match(/\\/\\S*libopenvino\\.so\\S*/g))] }))
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message }))
    }
  })`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
    env,
    encoding: 'utf8',
    ...(uid ? { uid } : {}),
  })
  if (!stdout) throw new Error(`the process printed nothing: ${stderr}`)
  return JSON.parse(stdout) as { openvino?: string; from?: string[]; code?: string; message?: string }
}

t.test('the addon is loaded from the platform package', { skip }, async (t) => {
  t.match(load(install(t.testdir({}))), { openvino: /^2026\.4\.1-/ })
})

t.test('a missing platform package is explained by what lies around it', { skip }, async (t) => {
  const installed = install(t.testdir({}))
  rmSync(join(installed.root, 'node_modules', '@openvino-llm'), { recursive: true })
  const omitted = load(installed)
  t.equal(omitted.code, 'ERR_ADDON_NOT_FOUND')
  t.match(omitted.message, /linux-x64-gnu@.+ were left out .+ Run: npm install --include=optional$/)

  const lockfile = join(installed.root, 'package-lock.json')
  writeFileSync(lockfile, '{"packages":{"node_modules/@openvino-llm/win32-x64-msvc":{}}}')
  t.match(
    load(installed).message,
    /package-lock\.json does not name it.+ Run: npm install --save-optional --save-exact /,
  )
  writeFileSync(lockfile, `{"packages":{"node_modules/${name}":{}}}`)
  t.match(load(installed).message, /Run: npm install --include=optional$/)

  mkdirSync(join(installed.root, 'node_modules', '@openvino-llm', 'win32-x64-msvc'), { recursive: true })
  t.match(
    load(installed).message,
    /@openvino-llm\/win32-x64-msvc is: .+ Run: npm install --os=linux --cpu=x64 --libc=glibc$/,
  )
})

t.test('a checkout that was not built says so', { skip }, async (t) => {
  const installed = install(t.testdir({}))
  rmSync(join(installed.root, 'node_modules', '@openvino-llm'), { recursive: true })
  writeFileSync(join(installed.main, 'CMakeLists.txt'), '')
  t.match(load(installed), { code: 'ERR_ADDON_NOT_FOUND', message: /has not been built\. Run: npm run build$/ })
})

t.test('after npm run prebuild a checkout without a build loads prebuilds', { skip }, async (t) => {
  const installed = install(t.testdir({}))
  const prebuilds = join(installed.main, 'prebuilds', 'linux-x64')
  cpSync(installed.platform, prebuilds, { recursive: true, verbatimSymlinks: true })
  cpSync(join(prebuilds, 'openvino_llm.node'), join(prebuilds, 'openvino-llm.glibc.node'), { verbatimSymlinks: true })
  rmSync(join(prebuilds, 'openvino_llm.node'))
  rmSync(join(installed.root, 'node_modules', '@openvino-llm'), { recursive: true })
  t.match(load(installed), { openvino: /^2026/ })
})

t.test('a platform package of another version is refused', { skip }, async (t) => {
  const { code, message } = load(install(t.testdir({}), { version: '0.0.1' }))
  t.equal(code, 'ERR_ADDON_MISMATCH')
  t.ok(message?.endsWith(`found 0.0.1. Run: npm install openvino-llm@${packageVersion}`), String(message))
})

t.test('a cut or missing file is named before it is loaded', { skip }, async (t) => {
  const installed = install(t.testdir({}))
  for (const file of ['openvino_llm.node', 'libopenvino_intel_cpu_plugin.so']) {
    const path = join(installed.platform, file)
    rmSync(path)
    t.match(load(installed), { code: 'ERR_ADDON_NOT_FOUND', message: /found no such file.+ Run: npm ci$/ }, file)
    writeFileSync(path, readFileSync(join(release, file)).subarray(0, 5000))
    const { code, message } = load(installed)
    t.equal(code, 'ERR_ADDON_NOT_FOUND')
    t.ok(message?.startsWith(`${path}: expected `), String(message))
    t.match(message, /found 5000: the installation is damaged\. Run: npm ci$/)
    rmSync(path)
    symlinkSync(join(release, file), path)
  }
})

t.test('a cut addon without a manifest is found out by the system', { skip }, async (t) => {
  const installed = install(t.testdir({}))
  const folder = join(installed.root, 'addon')
  mkdirSync(folder)
  for (const bytes of [0, 100, 5000]) {
    writeFileSync(
      join(folder, 'openvino_llm.node'),
      readFileSync(join(release, 'openvino_llm.node')).subarray(0, bytes),
    )
    const { code, message } = load(installed, { OPENVINO_LLM_ADDON: folder })
    t.equal(code, 'ERR_ADDON_NOT_FOUND', `${bytes} bytes`)
    t.match(message, /openvino_llm\.node: .+ Run: npm run build$/, `${bytes} bytes`)
  }
})

const asNobody = process.getuid?.() === 0 ? skip : 'only root can run a process as somebody else'
t.test('a folder that the user may not read is named', { skip: asNobody }, async (t) => {
  const installed = install(t.testdir({}))
  for (const folder of [installed.platform, join(installed.root, 'node_modules', '@openvino-llm')]) {
    chmodSync(folder, 0o700)
    const { code, message } = load(installed, {}, 65534)
    t.equal(code, 'ERR_ADDON_NOT_FOUND')
    t.match(message, /may not read the folder. Run as its owner: chmod -R a\+rX /)
    t.ok(message?.includes(folder), String(message))
    chmodSync(folder, 0o755)
  }
})

t.test('OPENVINO_LLM_RUNTIME takes OpenVINO from another folder', { skip }, async (t) => {
  const installed = install(t.testdir({}))
  const runtime = join(installed.root, 'other-openvino-é')
  mkdirSync(runtime)
  for (const file of readdirSync(release).filter((found) =>
    /^lib(openvino|tbb|openvino_gguf_frontend)\.so/.test(found),
  )) {
    copyFileSync(join(release, file), join(runtime, file))
  }
  const { from } = load(installed, { OPENVINO_LLM_RUNTIME: runtime })
  t.equal(from?.length, 1, 'there is one OpenVINO in the process')
  t.ok(from?.[0]?.startsWith(join(installed.root, 'other-openvino-é')), String(from))

  const preloaded = load(installed, { LD_PRELOAD: join(runtime, 'libopenvino.so.2641') })
  t.same(preloaded.from, from, 'another of the same version that came first is shared')

  // The version is a string in the library: another of the same length makes it another OpenVINO.
  const library = join(runtime, 'libopenvino.so.2641')
  writeFileSync(
    library,
    Buffer.from(readFileSync(library).toString('latin1').replaceAll('2026.4.1-', '2026.3.9-'), 'latin1'),
  )
  const other = load(installed, { OPENVINO_LLM_RUNTIME: runtime })
  t.equal(other.code, 'ERR_ADDON_MISMATCH')
  t.match(other.message, /expected OpenVINO 2026\.4\.1, found 2026\.3\.9-.+ unset OPENVINO_LLM_RUNTIME$/)

  const foreign = load(installed, { LD_PRELOAD: library })
  t.equal(foreign.code, 'ERR_ADDON_MISMATCH')
  t.match(foreign.message, /found 2026\.3\.9-.+ LD_PRELOAD/)

  rmSync(library)
  writeFileSync(join(runtime, 'libopenvino.so.2640'), '')
  t.match(load(installed, { OPENVINO_LLM_RUNTIME: runtime }), {
    code: 'ERR_ADDON_NOT_FOUND',
    message: /^OPENVINO_LLM_RUNTIME: expected a folder with libopenvino\.so\.2641, found libopenvino\.so\.2640 in /,
  })
  t.match(load(installed, { OPENVINO_LLM_RUNTIME: join(runtime, 'nowhere') }).message, /found none in/)
})

const debian: SystemInfo = {
  platform: 'linux',
  arch: 'x64',
  glibc: '2.36',
  cpuFlags: ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3'],
}

t.test('systems that cannot run it are told what they lack', async (t) => {
  const refuses = (facts: Partial<SystemInfo>, message: RegExp, glibc?: string) =>
    t.throws(() => checkSystem({ ...debian, ...facts }, glibc), { code: 'ERR_SYSTEM', message })
  t.doesNotThrow(() => checkSystem(debian, '2.36'))
  t.doesNotThrow(() => checkSystem({ ...debian, glibc: '3.0' }, '2.36'))
  t.doesNotThrow(() => checkSystem({ ...debian, arch: 'arm64', cpuFlags: [] }, '2.36'))
  t.doesNotThrow(() => checkSystem({ ...debian, platform: 'win32', glibc: undefined, cpuFlags: undefined }, undefined))
  refuses({ glibc: undefined }, /musl.+ node:24-slim$/)
  refuses({ glibc: '2.35' }, /glibc 2\.35, and the prebuilt addon needs 2\.36 or newer/, '2.36')
  refuses({ cpuFlags: ['cx16', 'lahf_lm', 'sse4_1', 'ssse3'] }, /lacks popcnt, sse4_2, and OpenVINO needs x86-64-v2/)
  t.throws(() => packageName({ platform: 'linux', arch: 'riscv64' }), { code: 'ERR_SYSTEM', message: /linux-riscv64/ })
})

t.test('this machine passes its own check', { skip }, async (t) => {
  const facts = systemInfo()
  t.match(facts.glibc, /^\d+\.\d+$/)
  t.ok((facts.cpuFlags?.length ?? 0) > 10)
  t.doesNotThrow(() => checkSystem(facts, '2.28'))
  t.match(whyMissing(facts, join(t.testdir({}), 'node_modules', 'openvino-llm')), /--include=optional/)
})

t.test('the words of the loader get their meaning', async (t) => {
  const place = { path: '/app/node_modules/x/openvino_llm.node', remedy: 'npm ci' }
  const cases: [string, string, RegExp][] = [
    [
      "/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by x)",
      'ERR_SYSTEM',
      /C\+\+ library is older than GLIBCXX_3\.4\.30/,
    ],
    ["/lib/libc.so.6: version `GLIBC_2.38' not found", 'ERR_SYSTEM', /C library is older than GLIBC_2\.38/],
    ['libstdc++.so.6: cannot open shared object file', 'ERR_SYSTEM', /apt-get install libstdc\+\+6$/],
    ['x.node: failed to map segment from shared object', 'ERR_ADDON_NOT_FOUND', /noexec/],
    [
      'x.node: cannot open shared object file: Permission denied',
      'ERR_ADDON_NOT_FOUND',
      /chmod -R a\+rX \/app\/node_modules\/x$/,
    ],
    ['x.node: invalid ELF header', 'ERR_ADDON_NOT_FOUND', /the file is damaged\. Run: npm ci$/],
    ['something else', 'ERR_ADDON_NOT_FOUND', /\(something else\)\. Run: npm ci$/],
  ]
  for (const [words, code, message] of cases) {
    const cause = new Error(words)
    t.match(refused(place, cause), { code, message, cause }, words)
  }
})
