import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { evaluate } from '#lib/evaluate/index.js'
import { readTaskFile } from '#lib/evaluate/task-file.js'
import { findTask, tasks } from '#lib/evaluate/tasks/table.js'
import { DoubleLLM, taskFile } from './double.js'

const lines = (name: string): string[] => readFileSync(taskFile(name), 'utf8').trimEnd().split('\n')
const rowOf = (name: string): Record<string, unknown> => JSON.parse(lines(name)[0] ?? '')

/** The message of what a task says to one changed row, which is the third line of a file. */
async function refusal(t: Test, name: string, row: unknown): Promise<string> {
  const [first = ''] = lines(name)
  const path = join(t.testdir(), `${name}.jsonl`)
  writeFileSync(path, [first, '', JSON.stringify(row), first].join('\n'))
  try {
    await readTaskFile<unknown>(path, findTask(name, path).read)
    return ''
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    t.equal(code, 'ERR_TASK_FILE', message)
    t.ok(message.startsWith(`${path}:3: `), message)
    return message
  }
}

/** What makes a good row of each task a bad one: a field, a value for it, and what the error says. */
const faults: Record<string, [field: string, value: unknown, says: RegExp][]> = {
  mmlu: [
    ['question', ' ', /"question" to be text/],
    ['subject', 5, /"subject" to be a string/],
    ['choices', ['a', 'b', 'c'], /"choices" to be an array of 4 texts/],
    ['choices', 'abcd', /"choices"/],
    ['answer', 4, /"answer" to be an integer from 0 to 3, found 4/],
    ['answer', 'E', /"answer" to be one of A, B, C, D/],
    ['answer', -1, /"answer"/],
    ['answer', 0.5, /"answer"/],
    ['answer', null, /"answer".*found nothing/],
  ],
  hellaswag: [
    ['activity_label', 1, /"activity_label"/],
    ['ctx_a', undefined, /"ctx_a".*found nothing/],
    ['ctx_b', null, /"ctx_b" to be text/],
    ['endings', ['a', 'b', 'c', ''], /"endings" to be an array of 4/],
    ['label', '', /"label" to be an integer from 0 to 3/],
    ['label', '4', /"label"/],
  ],
  anli: [
    ['premise', undefined, /"premise"/],
    ['hypothesis', [], /"hypothesis"/],
    ['label', 3, /"label" to be an integer from 0 to 2/],
    ['label', 'x', /"label" to be one of e, n, c/],
  ],
  gsm8k: [
    ['question', undefined, /"question"/],
    ['answer', '12', /"answer" to be text that ends with "#### "/],
    ['answer', 'a #### ', /"answer"/],
    ['answer', '#### 1 #### 2', /"answer"/],
  ],
  medqa: [
    ['sent1', 7, /"sent1"/],
    ['ending3', undefined, /"ending3"/],
    ['label', 4, /"label"/],
    ['options', { A: 'a', B: 'b', C: 'c' }, /"question"|"options.D"/],
  ],
  agieval: [
    ['query', '', /"query"/],
    ['choices', ['one'], /"choices" to be an array of 2 to 16/],
    ['gold', [5], /"gold" to be an array of integers from 0 to 4/],
    ['gold', [], /"gold"/],
    ['gold', 0, /"gold"/],
  ],
  triviaqa: [
    ['question', undefined, /"question"/],
    ['answer', 'Cow', /"answer" to be an object/],
    ['answer', { aliases: [] }, /"answer.aliases" to be an array of 1 to 4096/],
  ],
  arc_challenge: [
    ['question', undefined, /"question"/],
    ['choices', { text: ['a', 'b'], label: ['A'] }, /"choices.label" to be an array of 2/],
    ['choices', { text: ['a'], label: ['A'] }, /"choices.text" to be an array of 2 to 8/],
    ['choices', [], /"choices" to be an object/],
    ['answerKey', 'E', /"answerKey" to be one of A, B, C, D/],
    ['answerKey', 1, /"answerKey"/],
    ['question', { stem: 'q', choices: [1, 2] }, /"question.choices"/],
    ['question', { stem: 'q', choices: [{ text: 'a', label: 'A' }, { text: 'b' }] }, /"question.choices.1.label"/],
  ],
  arc_easy: [['answerKey', '', /"answerKey"/]],
  piqa: [
    ['goal', undefined, /"goal"/],
    ['sol2', null, /"sol2"/],
    ['label', 2, /"label" to be an integer from 0 to 1/],
    ['label', true, /"label"/],
  ],
  social_iqa: [
    ['context', undefined, /"context"/],
    ['answerC', undefined, /"answerC"/],
    ['label', '0', /"label" to be an integer from 1 to 3/],
    ['label', '4', /"label"/],
  ],
  bbh: [
    ['input', undefined, /"input"/],
    ['target', false, /"target" to be a string/],
  ],
  winogrande: [
    ['sentence', 'no blank', /"sentence" to be text with a blank/],
    ['sentence', 'blank at the end _', /"sentence"/],
    ['option2', undefined, /"option2"/],
    ['answer', '', /"answer" to be an integer from 1 to 2/],
    ['answer', '3', /"answer"/],
  ],
  openbookqa: [
    ['question_stem', undefined, /"question_stem"/],
    ['choices', { text: ['a', 'b'], label: ['A', 'B'] }, /"choices.text" to be an array of 4/],
  ],
  boolq: [
    ['passage', undefined, /"passage"/],
    ['label', 2, /"label"/],
    ['answer', 'yes', /"answer" to be true or false/],
  ],
  commonsense_qa: [
    ['question', '', /"question"/],
    ['choices', { text: ['a', 'b', 'c', 'd'], label: ['A', 'B', 'C', 'D'] }, /"choices.text" to be an array of 5/],
    ['answerKey', 'F', /"answerKey"/],
  ],
  truthfulqa_mc2: [
    ['question', undefined, /"question"/],
    ['mc2_targets', undefined, /"mc2_targets" to be an object/],
    ['mc2_targets', { choices: ['a', 'b'], labels: [1] }, /"mc2_targets.labels" to be an array of 2 labels/],
    ['mc2_targets', { choices: ['a', 'b'], labels: [0, 0] }, /"mc2_targets.labels"/],
    ['mc2_targets', { choices: ['a', 'b', 'c'], labels: [0, 1, 2] }, /"mc2_targets.labels"/],
  ],
  humaneval: [
    ['task_id', undefined, /"task_id"/],
    ['prompt', '', /"prompt"/],
  ],
  mbpp: [
    ['task_id', 'one', /"task_id"/],
    ['text', undefined, /"text"/],
    ['code', 1, /"code"/],
    ['test_list', ['a', 'b'], /"test_list" to be an array of 3/],
  ],
}

for (const { name } of tasks) {
  t.test(`${name}: a row that is wrong is an error with file, line and field`, async (t) => {
    const good = rowOf(name)
    t.equal(await refusal(t, name, good), '')
    t.ok((faults[name] ?? []).length > 0)
    for (const [field, value, says] of faults[name] ?? []) {
      t.match(await refusal(t, name, { ...good, [field]: value }), says, `${field}: ${JSON.stringify(value)}`)
    }
    for (const row of [null, [], 'text', 5]) t.match(await refusal(t, name, row), /expected a JSON object/)
  })
}

t.test('lines that are no JSON, files that are no task files', async (t) => {
  const [first = ''] = lines('piqa')
  const read = async (content: string | Buffer) => {
    const path = join(t.testdir(), 'piqa.jsonl')
    writeFileSync(path, content)
    return await readTaskFile<unknown>(path, findTask('piqa', path).read)
  }
  const refused = (content: string | Buffer, message: RegExp) =>
    t.rejects(read(content), { code: 'ERR_TASK_FILE', message })
  await refused(`${first}\n${first.slice(0, -5)}\n`, /piqa\.jsonl:2: expected JSON/)
  await refused(`${first}\n{"goal": NaN}\n`, /piqa\.jsonl:2: expected JSON/)
  await refused(`${'['.repeat(100_000)}\n`, /piqa\.jsonl:1: expected JSON/)
  await refused('', /expected at least one question, found none/)
  await refused('\n \n', /expected at least one question/)
  await refused(Buffer.from([0x7b, 0xff, 0x7d]), /expected UTF-8 text/)
  t.equal((await read(`\ufeff${first}\r\n\r\n${first}`)).examples.length, 2)
  const folder = t.testdir({ 'piqa.jsonl': {} })
  const whole = (path: string) => evaluate(new DoubleLLM().llm, path)
  await t.rejects(whole(join(folder, 'piqa.jsonl')), { code: 'ERR_TASK_FILE', message: /expected a regular file/ })
  await t.rejects(whole(join(folder, 'piqa-none.jsonl')), { code: 'ERR_TASK_FILE', message: /piqa-none.*\(ENOENT\)/ })
})

t.test('rows as they were first published are the same questions', async (t) => {
  const task = (name: string) => findTask(name, '')
  const same = async (name: string, index: number, published: object) => {
    const path = join(t.testdir(), 'rows.jsonl')
    writeFileSync(path, `${lines(name)[index]}\n${JSON.stringify(published)}\n`)
    const { examples } = await readTaskFile<unknown>(path, task(name).read)
    t.same(examples[1], examples[0], name)
  }
  const choices = (texts: string[]) => texts.map((text, i) => ({ text, label: 'ABCDE'[i] }))
  const nested = (stem: string, texts: string[], answerKey: string) => ({
    question: { stem, choices: choices(texts) },
    answerKey,
  })
  await same('arc_easy', 0, nested('Which animal has wings?', ['A trout', 'A sparrow', 'A horse', 'A mole'], 'B'))
  await same('openbookqa', 1, nested('At night the sky is', ['edible', 'dark', 'square', 'late'], 'B'))
  const cutting = ['soup', 'wind', 'scissors', 'a poem', 'snow']
  await same('commonsense_qa', 1, nested(' What do you use to cut paper? ', cutting, 'C'))
  await same('anli', 1, { context: 'Mina owns three boats.', hypothesis: 'Mina likes rowing.', label: 'n' })
  const { label: _, ...boolq } = rowOf('boolq')
  await same('boolq', 0, { ...boolq, answer: true })
  await same('hellaswag', 0, { ...rowOf('hellaswag'), label: 0 })
  await same('mmlu', 0, { ...rowOf('mmlu'), answer: 'A' })
  const options = { A: 'A ruler', B: 'A thermometer', C: 'A scale', D: 'A clock' }
  await same('medqa', 1, { question: 'Which of these measures temperature?', options, answer_idx: 'B' })
})

t.test('a task is found by its name, or by that of the file', async (t) => {
  const name = (task: string | undefined, file = 'x.jsonl') => findTask(task, file).name
  t.equal(name('ARC-Challenge'), 'arc_challenge')
  t.equal(name('siqa'), 'social_iqa')
  t.equal(name(undefined, '/data/ARC-Easy-Test.jsonl'), 'arc_easy')
  t.equal(name(undefined, 'truthfulqa.jsonl'), 'truthfulqa_mc2')
  t.equal(name(undefined, 'hellaswag_val.jsonl'), 'hellaswag')
  t.throws(() => name('mlu'), { name: 'TypeError', message: /received 'mlu'; did you mean mmlu\?/ })
  t.throws(() => name(undefined, 'questions.jsonl'), {
    name: 'TypeError',
    message: /expected the option task.*known are mmlu/,
  })
})
