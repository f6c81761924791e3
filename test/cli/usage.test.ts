import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { loadAddon } from '#lib/addon/load.js'
import { tiny } from '../llm/fixtures.js'
import { run, runInTurn } from './cli.js'

const models = ['pull', 'list', 'show', 'remove', 'convert', 'check', 'estimate', 'info']
const commands = ['run', 'serve', 'chat', 'generate', 'tokenize', 'evaluate', ...models, 'devices', 'doctor']
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

t.test('--help of every command fits a screen of 24 x 80 and has an example', async (t) => {
  for (const args of [['--help'], ...commands.map((command) => [command, '--help'])]) {
    const { code, stdout, stderr } = await runInTurn(args)
    const lines = stdout.trimEnd().split('\n')
    t.equal(code, 0, args.join(' '))
    t.equal(stderr, '')
    t.ok(lines.length <= 24, `${lines.length} lines`)
    t.same(
      lines.filter((line) => line.length > 80),
      [],
    )
    t.match(lines.at(-1), /^Example: openvino-llm /)
  }
})

t.test('--help-all shows what --help leaves out', async (t) => {
  const short = await runInTurn(['generate', '--help'])
  const long = await runInTurn(['generate', '--help-all'])
  t.equal(long.code, 0)
  for (const flag of ['--bos', '--stop-token-ids', '--chat-template', '--do-sample', '--verbose']) {
    t.notMatch(short.stdout, flag)
    t.match(long.stdout, flag)
  }
})

t.test('--version prints the versions of the package and of OpenVINO', async (t) => {
  const expected = `openvino-llm ${version}\nOpenVINO ${loadAddon().buildInfo().openvino}\n`
  t.match(await run(['--version']), { code: 0, stdout: expected, stderr: '' })
})

t.test('wrong usage ends with 2, in words, and nothing on standard output', async (t) => {
  const model = tiny('tiny-llama')
  const wrong: [string[], RegExp][] = [
    [[], /Usage: openvino-llm/],
    [['chta', model], /unknown command 'chta'\n\(Did you mean chat\?\)/],
    [['generate'], /missing required argument 'model'/],
    [['generate', model], /expected prompt not to be empty/],
    [['generate', model, 'Hi', 'there'], /too many arguments/],
    [['generate', model, 'Hi', '--temprature', '1'], /unknown option '--temprature'\n\(Did you mean --temperature\?\)/],
    [
      ['generate', model, 'Hi', '--temperature', 'hot'],
      /'--temperature <t>' .* Expected a number ≥ 0, received 'hot' of type string/,
    ],
    [['generate', model, 'Hi', '--temperature', ''], /Expected a number ≥ 0, received '' of type string/],
    [['generate', model, 'Hi', '--temperature', '-1'], /Expected a number ≥ 0, received -1 of type number/],
    [['generate', model, 'Hi', '--max-new-tokens', '0'], /'--max-new-tokens <n>' .* Expected an integer from 1 to/],
    [['generate', model, 'Hi', '--max-new-tokens', '0x10'], /received '0x10' of type string/],
    [['generate', model, 'Hi', '--top-p', '1.5'], /'--top-p <p>' .* above 0 and at most 1/],
    [['generate', model, 'Hi', '--seed', '4294967296'], /'--seed <n>' .* integer from 0 to 4294967295/],
    [['generate', model, 'Hi', '--stop', ''], /'--stop <text>' .* not empty/],
    [['generate', model, 'Hi', '--stop-token-ids', '1,x'], /'--stop-token-ids <ids>' .* each an integer/],
    [['generate', model, 'Hi', '--context-overflow', 'wrap'], /'error' or 'drop-oldest', received 'wrap'/],
    [['generate', model, 'Hi', '--context-length', '1'], /'--context-length <n>' .* integer from 2/],
    [['generate', model, 'Hi', '--ov', 'NUM_STREAMS'], /'--ov <KEY=VALUE>' .* Expected KEY=VALUE/],
    [['generate', model, 'Hi', '--ov', 'num-streams=1'], /OpenVINO's property names/],
    [['generate', model, 'Hi', '--raw', '--system', 'x'], /'--system <text>' cannot be used with option '--raw'/],
    [['generate', model, 'Hi', '--raw', '--context-overflow', 'error'], /cannot be used with option '--raw'/],
    [['generate', model, 'Hi', '--do-sample', '--temperature', '0'], /expected temperature above 0/],
    [['generate', model, 'Hi', '--logprobs', '2'], /--logprobs needs --json/],
    [['generate', model, 'Hi', '--num-return-sequences', '2'], /--num-return-sequences needs --json/],
    [['chat', model, '--logprobs', '2'], /unknown option '--logprobs'/],
    [['generate', model, 'Hi', '--tools', '{'], /'--tools <json>' .* Expected JSON/],
    [['generate', model, 'Hi', '--tools', '{}'], /'--tools <json>' .* Expected an array, received an object/],
    [['generate', model, 'Hi', '--tools', 'nowhere.json'], /'--tools <json>' .* Expected JSON or a file .*nowhere/],
    [['generate', model, 'Hi', '--json-schema', '{'], /--json-schema: expected JSON \(/],
    [['generate', model, 'Hi', '--json-schema', '[]'], /--json-schema: expected responseFormat.schema to be a JSON/],
    [['generate', model, 'Hi', '--json-schema', 'nowhere.json'], /--json-schema: expected JSON or a file .*nowhere/],
    [['generate', model, 'Hi', '--json-schema', 'README.md'], /--json-schema: expected JSON in README.md/],
    [['generate', model, 'Hi', '--choice', 'a,a'], /--choice: expected .* 1 to 1000 texts that differ/],
    [
      ['generate', model, 'Hi', '--choice', 'a', '--regex', 'b'],
      /'--choice <a,b,…>' cannot be used with option '--regex/,
    ],
    [['chat', model, '--regex', 'b', '--tools', '[]'], /'--regex <pattern>' cannot be used with option '--tools/],
    [['generate', model, 'Hi', '--raw', '--tools', '[]'], /cannot be used with option '--raw'/],
    [['tokenize', model, 'Hi', '--system', 'x'], /--system.* need --chat/],
    [
      ['evaluate', model, 'questions.jsonl'],
      /expected the option task, because the name of questions\.jsonl begins with none/,
    ],
    [['evaluate', model, 'mmlu.jsonl', '--task', 'mmmlu'], /received 'mmmlu'; did you mean mmlu\?/],
    [['evaluate', model, 'humaneval.jsonl'], /expected the option output with the task humaneval/],
    [['evaluate', model, 'mmlu.jsonl', '--shots', '-1'], /'--shots <n>' .* Expected an integer from 0 to 64/],
    [['convert', 'model.gguf'], /missing required argument 'folder'/],
  ]
  for (const [args, message] of wrong) {
    const { code, stdout, stderr } = await runInTurn(args)
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, message)
    t.notMatch(stderr, /\n {4}at /)
  }
  t.match(await run(['generate']), { code: 2, stdout: '', stderr: /missing required argument 'model'/ })
  const { code, stderr } = await run(['tokenize', model], { input: Uint8Array.of(0x48, 0xff) })
  t.match(stderr, /expected standard input to be UTF-8/)
  t.equal(code, 2)
})

t.test('a failure ends with 1 and one line; --verbose and DEBUG show where it comes from', async (t) => {
  const line = /^openvino-llm: ERR_MODEL_NOT_FOUND: .*nowhere: .*\n$/
  for (const args of [
    ['generate', 'nowhere', 'Hi'],
    ['chat', 'nowhere'],
    ['tokenize', 'nowhere', 'Hi'],
    ['info', 'nowhere'],
  ]) {
    const { code, stdout, stderr } = await runInTurn(args)
    t.equal(code, 1, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, line)
  }
  t.match(await run(['info', 'nowhere']), { code: 1, stdout: '', stderr: line })
  t.match(await runInTurn(['info', 'nowhere', '--verbose']), { code: 1, stderr: /ERR_MODEL_NOT_FOUND[\s\S]*\n {4}at / })
  t.match(await run(['info', 'nowhere'], { env: { DEBUG: '1' } }), { code: 1, stderr: /\n {4}at / })
  t.match(await runInTurn(['info', tiny('tiny-llama'), '--device', 'TOASTER']), {
    code: 1,
    stderr: /^openvino-llm: ERR_DEVICE: .*TOASTER/,
  })
})

t.test('importing the library does not import the command line', async (t) => {
  const seen = importsOf('dist/index.js', /\b(?:from|import)\s*\(?\s*'([^']+)'/g)
  t.ok(seen.has(resolve('dist/llm.js')))
  t.same(
    [...seen].filter((file) => file === 'commander' || file.startsWith(join(resolve('dist'), 'cli'))),
    [],
  )
})

t.test('a command imports what it uses: pull has sent its first request before a model could be loaded', async (t) => {
  const atOnce = /^(?:import|export) (?:[^'";]*? from )?'([^']+)'/gm
  t.notOk(importsOf('dist/cli/main.js', atOnce).has(resolve('dist/cli/pull.js')))
  const pull = importsOf('dist/cli/pull.js', atOnce)
  t.ok(pull.has(resolve('dist/hub/download.js')))
  for (const file of ['llm.js', 'loading/open-model.js', 'text/worker/text-worker.js'])
    t.notOk(pull.has(resolve('dist', file)), file)
})

/** A compiled file, and all that it imports, as the pattern finds it. */
function importsOf(file: string, pattern: RegExp, seen = new Set<string>()): Set<string> {
  const path = resolve(file)
  if (seen.has(path)) return seen
  seen.add(path)
  for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(pattern)) {
    if (name.startsWith('.')) importsOf(resolve(dirname(path), name), pattern, seen)
    else seen.add(name)
  }
  return seen
}
