import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type EvaluateOptions, evaluate } from '#lib/evaluate/index.js'
import { tiny } from '../llm/fixtures.js'
import { DoubleLLM, taskFile } from './double.js'

/** Log-probabilities that depend on the question alone. */
const answer = (prompt: string, continuations: readonly string[]): number[] =>
  continuations.map((_, i) => -1 - ((prompt.length * (i + 3)) % 7) / 7)

async function run(file: string, options: EvaluateOptions, double = new DoubleLLM()) {
  double.answer = answer
  double.text = (prompt) => `text of ${prompt.length}`
  return { double, found: await evaluate(double.llm, file, { shots: 0, concurrency: 1, ...options }) }
}

for (const name of ['mmlu', 'triviaqa']) {
  t.test(`${name}: a run that was cut anywhere goes on with what is missing`, async (t) => {
    const output = join(t.testdir(), 'results.jsonl')
    const { double, found } = await run(taskFile(name), { output })
    const whole = readFileSync(output, 'utf8')
    const count = double.asked.length
    t.equal(count, found.questions)
    // Behind each line, and within it: at its first byte, in its middle, before its end.
    const ends = [...whole].flatMap((char, i) => (char === '\n' ? [i + 1] : []))
    const cuts = ends.flatMap((end, i) => {
      const begin = ends[i - 1] ?? 0
      return [begin + 1, Math.floor((begin + end) / 2), end - 1, end]
    })
    for (const cut of [0, ...cuts]) {
      writeFileSync(output, whole)
      truncateSync(output, cut)
      const kept = Math.max(0, ends.filter((end) => end <= cut).length - 1)
      const progress: number[] = []
      const onProgress = ({ done, total }: { done: number; total: number }) => {
        t.equal(total, count)
        progress.push(done)
      }
      const again = await run(taskFile(name), { output, onProgress })
      t.same(again.found, found, `cut at ${cut}`)
      t.same(again.double.asked, double.asked.slice(kept), `cut at ${cut}: ${kept} were kept`)
      t.equal(readFileSync(output, 'utf8'), whole)
      t.same(
        progress,
        Array.from({ length: count + 1 }, (_, done) => done).filter((done) => done > 0 && done >= kept),
      )
    }
  })
}

t.test('results of other models, files and settings are refused by name, and left as they are', async (t) => {
  const folder = t.testdir({ other: {} })
  const output = join(folder, 'results.jsonl')
  await run(taskFile('mmlu'), { output, limit: 3 })
  const before = readFileSync(output, 'utf8')
  const refused = async (message: RegExp, file: string, options: EvaluateOptions, double?: DoubleLLM) => {
    await t.rejects(run(file, { output, ...options }, double), { code: 'ERR_TASK_FILE', message }, String(message))
    t.equal(readFileSync(output, 'utf8'), before)
  }
  await refused(/results with shots 1, found 0; name another output file/, taskFile('mmlu'), { shots: 1 })
  await refused(/results with description "d", found null/, taskFile('mmlu'), { description: 'd' })
  await refused(/results with task "piqa", found "mmlu"/, taskFile('piqa'), {})
  await refused(/with shotsFile .*mmlu\.jsonl.*, found null/, taskFile('mmlu'), { shotsFile: taskFile('mmlu') })
  const changed = join(folder, 'mmlu.jsonl')
  writeFileSync(changed, `${readFileSync(taskFile('mmlu'), 'utf8')}\n`)
  await refused(/results with taskFile .*mmlu\.jsonl \(SHA-256 .*, found .*mmlu\.jsonl \(SHA-256/, changed, {})
  const other = new DoubleLLM(tiny('tiny-phi3'))
  await refused(/results with model tiny-phi3 \(SHA-256 .*, found tiny-llama \(SHA-256/, taskFile('mmlu'), {}, other)
  const half = new DoubleLLM()
  Object.assign(half.info, { precision: { inference: 'bf16', kvCache: 'u8' } })
  await refused(/results with precision \{"inference":"bf16"/, taskFile('mmlu'), {}, half)
  // The same files elsewhere are the same model and the same task, and another limit only asks for more of them.
  cpSync(tiny('tiny-llama'), join(folder, 'other'), { recursive: true })
  cpSync(taskFile('mmlu'), changed)
  const moved = await run(changed, { output, limit: 5 }, new DoubleLLM(join(folder, 'other')))
  t.equal(moved.double.asked.length, 2)
  t.equal((await run(taskFile('mmlu'), { output, limit: 2 })).found.questions, 2)
  // One byte of the weights is another model.
  const weights = join(folder, 'other', 'openvino_model.bin')
  const bytes = readFileSync(weights)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  writeFileSync(weights, bytes)
  await t.rejects(run(changed, { output }, new DoubleLLM(join(folder, 'other'))), {
    message: /results with model other/,
  })
})

t.test('files that are no results, or are damaged, are errors with their line, and are not overwritten', async (t) => {
  const output = join(t.testdir(), 'results.jsonl')
  await run(taskFile('mmlu'), { output })
  const lines = readFileSync(output, 'utf8').trimEnd().split('\n')
  const refused = async (content: string, message: RegExp) => {
    writeFileSync(output, content)
    await t.rejects(run(taskFile('mmlu'), { output }), { code: 'ERR_TASK_FILE', message }, content.slice(0, 40))
    t.equal(readFileSync(output, 'utf8'), content)
  }
  const withLine = (line: string) => [...lines.slice(0, 2), line, ...lines.slice(3), ''].join('\n')
  await refused('my notes', /holds something else/)
  await refused('my notes\n', /results\.jsonl:1: expected JSON/)
  await refused('{"a":1}\n', /holds something else/)
  await refused(withLine('{'), /results\.jsonl:3: expected JSON/)
  await refused(withLine('{"index":6,"logprobs":[-1,-1,-1,-1]}'), /:3: expected "index" to be an integer from 0 to 5/)
  await refused(withLine('{"index":1,"logprobs":[-1,-1,-1]}'), /:3: expected "logprobs" to be an array of 4 numbers/)
  await refused(withLine('{"index":1,"logprobs":[-1,-1,-1,1]}'), /:3: expected "logprobs"/)
  await refused(withLine(lines[1] ?? ''), /:3: expected "index" to be a question that has no other line/)
  await t.rejects(run(taskFile('mmlu'), { output: join(output, 'x') }), {
    code: 'ERR_TASK_FILE',
    message: /\(ENOTDIR\)/,
  })
})

t.test('an answer that cannot come is kept', async (t) => {
  const output = join(t.testdir(), 'results.jsonl')
  const double = new DoubleLLM()
  double.answer = () => [Number.NEGATIVE_INFINITY, -1]
  const found = await evaluate(double.llm, taskFile('piqa'), { shots: 0, output })
  t.equal(found.accuracy, 1 / 3)
  t.same(await evaluate(new DoubleLLM().llm, taskFile('piqa'), { shots: 0, output }), found)
})

t.test('answers that are programs are written out for a checker, never run', async (t) => {
  const output = join(t.testdir(), 'results.jsonl')
  await t.rejects(run(taskFile('humaneval'), {}), {
    name: 'TypeError',
    message: /expected the option output with the task humaneval: its answers are programs, which are not run here/,
  })
  const { found } = await run(taskFile('humaneval'), { output })
  t.same(found, {
    task: 'humaneval',
    title: 'HumanEval',
    shots: 0,
    accuracy: null,
    questions: 2,
    scores: {},
    groups: {},
  })
  const [, ...samples] = readFileSync(output, 'utf8').trimEnd().split('\n')
  t.same(
    samples.map((line) => JSON.parse(line)),
    [
      { index: 0, task_id: 'Mini/0', completion: 'text of 72' },
      { index: 1, task_id: 'Mini/1', completion: 'text of 59' },
    ],
  )
})

t.test('an abort and a failure end the evaluation; what has been written stays', async (t) => {
  const output = join(t.testdir(), 'results.jsonl')
  const controller = new AbortController()
  const double = new DoubleLLM()
  const onProgress = ({ done }: { done: number }) => {
    if (done === 2) controller.abort(new Error('enough'))
  }
  const options = { output, onProgress, signal: controller.signal }
  await t.rejects(run(taskFile('mmlu'), options, double), { message: 'enough' })
  t.equal(readFileSync(output, 'utf8').split('\n').length, 4)
  await t.rejects(run(taskFile('mmlu'), options), { message: 'enough' })
  t.equal((await run(taskFile('mmlu'), { output })).double.asked.length, 4)
  const failing = () => {
    throw new Error('no')
  }
  await t.rejects(run(taskFile('mmlu'), { onProgress: failing }), { message: 'no' })
})

t.test('wrong options are TypeErrors', async (t) => {
  const refused = (options: object, message: RegExp, file = taskFile('mmlu')) =>
    t.rejects(evaluate(new DoubleLLM().llm, file, options), { name: 'TypeError', message })
  await refused({ shots: -1 }, /expected shots to be an integer from 0 to 64/)
  await refused({ limit: 0 }, /expected limit/)
  await refused({ shot: 1 }, /unknown option shot in EvaluateOptions; did you mean shots\?/)
  await refused({}, /expected file to be the path of a task file/, '')
  await t.rejects(evaluate(new DoubleLLM().llm, taskFile('mmlu')), {
    code: 'ERR_TASK_FILE',
    message: /expected 5 solved examples of garden life before each question, found 2; ask for fewer shots/,
  })
  await t.rejects(evaluate(new DoubleLLM().llm, taskFile('bbh')), {
    code: 'ERR_TASK_FILE',
    message: /bbh\.jsonl: expected 3 solved examples before each question, found 0/,
  })
})
