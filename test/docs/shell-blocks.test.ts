import { existsSync, readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import t from 'tap'
import { Interrupts } from '#lib/cli/interrupts.js'
import { createProgram } from '#lib/cli/program.js'
import { main, Running } from '../cli/cli.js'
import { allPages } from './markdown.js'
import { type ShellCommand, shellCommands } from './shell.js'
import { placeModels } from './typescript-blocks.js'

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
// Only for the commands' sake: none of them is interrupted.
const interrupts = new Interrupts()
interrupts.close()
const shellBlocks = allPages().flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'sh'))
/** What {@link problemOf} says of a program that is not ours. */
const foreign = 'is a program that is not ours'

t.test('every command of a shell block is one that there is, with flags that it has', async (t) => {
  for (const { page, line, note, code } of shellBlocks) {
    t.match(note, /^(no-run: \w.*|run)?$/, `${page}:${line}: the note is empty, run, or no-run: and the reason`)
    for (const command of shellCommands(code)) {
      const problem = await problemOf(command)
      // Programs of others cannot be checked here: the block says why it is not run.
      t.ok(
        problem === '' || (problem === foreign && note.startsWith('no-run:')),
        `${page}:${line}: ${command.join(' ')} ${problem}`,
      )
    }
  }
})

t.test('the commands of blocks that are marked `run` end well', async (t) => {
  const folder = t.testdir()
  await placeModels(folder)
  for (const { page, line, code } of shellBlocks.filter(({ note }) => note === 'run')) {
    for (const command of shellCommands(code).flatMap((words) => ownArguments(words) ?? [])) {
      const { code, stderr } = await new Running(process.execPath, [main, ...command], {}, folder).ended
      t.equal(code, 0, `${page}:${line}: ${command.join(' ')} ${stderr}`)
    }
  }
})

t.test('every kind of block is known, and no code is merely indented', (t) => {
  for (const { path, blocks, prose } of allPages()) {
    for (const { line, language } of blocks) {
      t.match(language, /^(ts|sh|json|dockerfile|text)$/, `${path}:${line}`)
    }
    prose.forEach((line, i) => {
      if (/^ {4}\S/.test(line) && prose[i - 1]?.trim() === '') t.fail(`${path}:${i + 1}: code without a fence`)
    })
  }
  t.end()
})

t.test('shell commands are taken apart', (t) => {
  const code =
    'A=1 openvino-llm generate ./model "Why # so?" \\\n  --stop "a b" < x.txt | cat # no\nnpm install && npm test -- a\n'
  t.same(shellCommands(code), [
    ['openvino-llm', 'generate', './model', 'Why # so?', '--stop', 'a b'],
    ['cat'],
    ['npm', 'install'],
    ['npm', 'test', '--', 'a'],
  ])
  t.end()
})

/** Arguments of our command line, or undefined for another program. */
function ownArguments(words: ShellCommand): string[][] | undefined {
  const own = [['openvino-llm'], ['npx', 'openvino-llm'], ['node', 'dist/cli/main.js']]
  const prefix = own.find((start) => start.every((word, i) => words[i] === word))
  return prefix && [words.slice(prefix.length)]
}

/** What is wrong with a command, or ''. */
async function problemOf(words: ShellCommand): Promise<string> {
  const [args] = ownArguments(words) ?? []
  if (args) return await usageProblem(args)
  const [program = '', first = '', second = ''] = words
  if (program === 'npm') {
    if (['install', 'ci', 'pack'].includes(first)) return ''
    const script = first === 'run' ? second : first
    return Object.hasOwn(scripts, script) ? '' : `has no script ${script}`
  }
  if (program === 'node' && first.startsWith('scripts/')) return existsSync(first) ? '' : 'does not exist'
  return foreign
}

/** What commander says to the arguments; the command itself does not run. */
async function usageProblem(args: string[]): Promise<string> {
  try {
    const program = (await createProgram(interrupts, args[0])).configureOutput({
      writeOut: () => {},
      writeErr: () => {},
    })
    for (const command of program.commands) {
      command.configureOutput({ writeOut: () => {}, writeErr: () => {} }).action(() => {})
    }
    program.parse(args, { from: 'user' })
    return ''
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? '' : error.message
  }
}
