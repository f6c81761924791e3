import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { skipWithoutGrammars as skip } from '../llm/constrained.js'
import { tiny } from '../llm/fixtures.js'
import { run } from './cli.js'

const folder = tiny('tiny-llama-fp32')
const schema = {
  type: 'object',
  properties: { on: { type: 'boolean' } },
  required: ['on'],
  additionalProperties: false,
}
const tools = [{ name: 'lamp', parameters: schema }]
const calling = ['--tool-choice', 'required', '--tool-call-parser', 'hermes', '--max-new-tokens', '120']

/** Lines of standard output. The template of the model shows no tools, which is said. */
async function lines(args: string[], input = '') {
  const { code, stdout, stderr } = await run(args, { input })
  return { code, stderr: stderr.replace(/^.*does not show.*\n/gm, ''), lines: stdout.trimEnd().split('\n') }
}

t.test('an answer is what its flag says', { skip }, async (t) => {
  const file = join(t.testdir(), 'schema.json')
  writeFileSync(file, JSON.stringify(schema))
  const on = /^\{"on":(true|false)\}\n$/
  const generate = (...args: string[]) => run(['generate', folder, 'Hi', ...args])
  t.match(await generate('--json-schema', file), { code: 0, stdout: on, stderr: '' })
  t.match(await generate('--json-schema', JSON.stringify(schema), '--raw'), { code: 0, stdout: on, stderr: '' })
  t.match(await generate('--choice', 'red,light green'), { code: 0, stdout: /^(red|light green)\n$/ })
  t.match(await generate('--regex', '[0-9]{3}'), { code: 0, stdout: /^\d{3}\n$/ })
  t.match(await run(['chat', folder, '--choice', 'yes,no'], { input: 'Hi\nHo\n' }), {
    stdout: /^(yes|no)\n(yes|no)\n$/,
  })
})

t.test('a call of a tool is a line of JSON, and stays in the conversation', { skip }, async (t) => {
  const home = t.testdir({ 'tools.json': JSON.stringify(tools) })
  const flags = ['--tools', join(home, 'tools.json'), ...calling]
  const answered = await lines(['generate', folder, 'Hi', ...flags])
  t.match(answered, { code: 0, stderr: '' })
  // Behind the first call there may be others, of which the last one may be cut.
  const [first = ''] = answered.lines
  t.match(JSON.parse(first), { name: 'lamp', arguments: { on: Boolean } })
  const saved = join(home, 'chat.json')
  const chatted = await lines(['chat', folder, ...flags], `Hi\n/save ${saved}\n`)
  t.match(chatted, { code: 0, stderr: '' })
  const [, answer] = JSON.parse(readFileSync(saved, 'utf8'))
  t.match(answer.tool_calls[0], JSON.parse(chatted.lines[0] ?? ''))
})
