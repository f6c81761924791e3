import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Ended, runChecked, runIn } from './run.js'
import { nodeProgram, npmScript } from './tools.js'

const apps = join(process.cwd(), 'test', 'fixtures', 'package')
const tinyModel = join(process.cwd(), 'test', 'fixtures', 'ir', 'tiny-llama-fp32')

/** What the tiny model answers, by transformers. */
export const expectedTokens = (
  JSON.parse(readFileSync('test/fixtures/golden/tiny.json', 'utf8')) as Record<
    string,
    { cases: { greedy: number[] }[] }
  >
)['tiny-llama']?.cases[0]?.greedy

export interface Answer {
  tokens: number[]
  runner: string
  openvino: string[]
  node: string
}

/**
 * An empty project in a path with spaces and other letters, with the tiny model, on a machine that has Node and nothing else: no
 * compiler, no Python, no shell on the PATH, no configuration of npm.
 */
export class Project {
  readonly env: Record<string, string>
  #unlock: (() => Promise<unknown>) | undefined

  constructor(
    /** Its own folder: `home` beside it holds what programs write elsewhere. */
    readonly folder: string,
    readonly home: string,
    readonly program: string,
  ) {
    const bin = join(home, 'bin')
    mkdirSync(bin, { recursive: true })
    mkdirSync(folder, { recursive: true })
    symlinkSync(program, join(bin, 'node'))
    this.env = { HOME: home, PATH: bin, OPENVINO_LLM_CACHE: join(home, 'models') }
    for (const file of ['answer.cjs', 'app.mjs', 'app.cjs', 'worker.mjs', 'demo.mjs']) {
      copyFileSync(join(apps, file), join(folder, file))
    }
    cpSync(tinyModel, join(folder, 'modèle tiny'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true }')
  }

  static create(parent: string, name: string, major = 24): Project {
    return new Project(join(parent, name, 'a projéct, проект'), join(parent, name, 'home'), nodeProgram(major).program)
  }

  /** npm with the registry's address and nothing else to configure it. */
  npm(registry: string, args: string[]): Promise<Ended> {
    const options = ['--registry', registry, '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier']
    return runChecked(this.program, [npmScript(), ...args, ...options], { cwd: this.folder, env: this.env })
  }

  /** Makes node_modules read-only, for root too, where this process may; gives whether. */
  async lock(): Promise<boolean> {
    const modules = join(this.folder, 'node_modules')
    const how = { cwd: this.folder, env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' } }
    if (process.env['OPENVINO_LLM_TEST_NETWORK'] !== 'none') return false
    if ((await runIn('mount', ['--bind', modules, modules], how)).code !== 0) return false
    await runChecked('mount', ['-o', 'remount,bind,ro', modules], how)
    this.#unlock = () => runChecked('umount', [modules], how)
    return true
  }

  async unlock(): Promise<void> {
    await this.#unlock?.()
    this.#unlock = undefined
  }

  /** Runs one of the apps and gives what it printed. */
  run(
    app: string,
    { env = {}, before = [] }: { env?: Record<string, string>; before?: string[] } = {},
  ): Promise<Ended> {
    const how = { cwd: this.folder, env: { ...this.env, ...env } }
    return runIn(this.program, [...before, app, 'modèle tiny'], how)
  }
}

/** What an app printed; its complaints where it did not end well. */
export function answerOf({ code, stdout, stderr }: Ended): Answer {
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`)
  return JSON.parse(stdout) as Answer
}

/** Whether the package holds the model of the self-test, and `doctor --report` passes on the CPU with nothing else installed. */
export async function reportsOnCpu(t: Test, project: Project): Promise<void> {
  const args = ['node_modules/openvino-llm/dist/cli/main.js', 'doctor', '--report']
  const { stdout, stderr } = await runIn(project.program, args, { cwd: project.folder, env: project.env })
  t.match(stdout, /\nok +CPU +self-test \(\w+\): 3 answers are right/, stderr)
  const text = readFileSync(join(project.folder, 'openvino-llm-report.json'), 'utf8')
  t.match(JSON.parse(text), { complete: true, selfTests: [{ device: 'CPU', passed: true, error: null }] })
  for (const folder of [project.folder, project.home]) t.notOk(text.includes(folder))
}
