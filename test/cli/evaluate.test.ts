import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { evaluate } from '#lib/evaluate/index.js'
import { taskFile } from '../evaluate/double.js'
import { loadTiny, tiny } from '../llm/fixtures.js'
import { exactFlags, run } from './cli.js'

const model = tiny('tiny-llama-fp32')

t.test('evaluate prints a table, and as JSON what the function gives', async (t) => {
  await using llm = await loadTiny()
  const expected = await evaluate(llm, taskFile('mmlu'), { shots: 0 })
  const json = await run(['evaluate', model, taskFile('mmlu'), '--shots', '0', '--json', ...exactFlags])
  t.match(json, { code: 0, stderr: '' })
  t.same(JSON.parse(json.stdout), expected)

  const output = join(t.testdir(), 'results.jsonl')
  const flags = ['--shots', '1', '--limit', '4', '--output', output, '--task', 'MMLU', ...exactFlags]
  const first = await run(['evaluate', model, taskFile('mmlu'), ...flags])
  t.match(first, { code: 0, stderr: '' })
  const [head, all, ...groups] = first.stdout.trimEnd().split('\n')
  t.match(head, /^task +shots +questions +acc %$/)
  t.match(all, /^MMLU +1 +4 +\d+\.\d\d +± \d+\.\d\d$/)
  t.match(groups, [/^ {2}garden life +3 +\d+\.\d\d +± \d+\.\d\d$/, /^ {2}letters +1 +\d+\.\d\d$/])
  t.equal(readFileSync(output, 'utf8').trimEnd().split('\n').length, 5)
  // Names come from the file, which a stranger may have written.
  const hostile = readFileSync(taskFile('mmlu'), 'utf8').replaceAll('"letters"', '"\\u001b[2Jletters"')
  const folder = t.testdir({ 'mmlu.jsonl': hostile })
  const shown = await run(['evaluate', model, join(folder, 'mmlu.jsonl'), '--shots', '0', ...exactFlags])
  t.match(shown.stdout, /\n {2}␛\[2Jletters/)
  // It goes on there, and says the same.
  t.strictSame(await run(['evaluate', model, taskFile('mmlu'), ...flags]), first)
  const other = await run(['evaluate', tiny('tiny-phi3'), taskFile('mmlu'), ...flags])
  t.match(other, {
    code: 1,
    stdout: '',
    stderr: /ERR_TASK_FILE: .*results with model tiny-phi3 .*, found tiny-llama-fp32/,
  })
})
