import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type EvaluateOptions, evaluate, taskNames } from '#lib/evaluate/index.js'
import { tasks } from '#lib/evaluate/tasks/table.js'
import { DoubleLLM, golden, taskFile } from './double.js'

/** The options with which the fixture was made. */
function optionsFor(name: string): EvaluateOptions {
  const shots = taskFile(`${name}-shots`)
  // One at a time, so that requests come in the order of the questions.
  return { shots: golden[name]?.shots ?? 0, concurrency: 1, ...(existsSync(shots) ? { shotsFile: shots } : {}) }
}

/** How our metrics are called there. */
const theirs: Record<string, string[]> = {
  gsm8k: ['strict-match', 'flexible-extract'],
  bbh: ['get-answer'],
  triviaqa: ['remove_whitespace'],
}

t.test('there is a miniature of each of the 19 tasks, with the shots of the model cards', async (t) => {
  t.same(Object.keys(golden).sort(), [...taskNames].sort())
  t.same(Object.fromEntries(tasks.map(({ name, shots }) => [name, shots])), {
    mmlu: 5,
    hellaswag: 5,
    anli: 7,
    gsm8k: 8,
    medqa: 2,
    agieval: 0,
    triviaqa: 5,
    arc_challenge: 10,
    arc_easy: 10,
    piqa: 5,
    social_iqa: 5,
    bbh: 3,
    winogrande: 5,
    openbookqa: 10,
    boolq: 2,
    commonsense_qa: 10,
    truthfulqa_mc2: 10,
    humaneval: 0,
    mbpp: 3,
  })
})

for (const task of tasks) {
  const { questions } = golden[task.name] ?? { questions: [] }

  t.test(`${task.name}: asks what lm-evaluation-harness asks`, async (t) => {
    const double = new DoubleLLM()
    const output = task.kind === 'answers' && !task.grade ? { output: join(t.testdir(), 'results.jsonl') } : {}
    await evaluate(double.llm, taskFile(task.name), { ...optionsFor(task.name), ...output })
    if (task.kind === 'choices') {
      const asks = double.asked.flatMap(({ prompt, continuations = [] }) => continuations.map((one) => [prompt, one]))
      t.same(
        asks,
        questions.flatMap(({ asks = [] }) => asks),
      )
    } else {
      t.same(
        double.asked,
        questions.map(({ prompt, until }) => ({ prompt, stop: until })),
      )
    }
  })

  if (task.kind === 'choices') {
    t.test(`${task.name}: grades as lm-evaluation-harness does`, async (t) => {
      for (const k of [0, 1, 2, 3]) {
        const double = new DoubleLLM()
        const left = questions.flatMap(({ cases }) => cases[k]?.logprobs ?? [])
        double.answer = (_, continuations) => left.splice(0, continuations.length)
        const {
          scores,
          accuracy,
          questions: count,
        } = await evaluate(double.llm, taskFile(task.name), optionsFor(task.name))
        t.equal(count, questions.length)
        const expected = questions.map(({ cases }) => cases[k]?.scores ?? {})
        for (const metric of Object.keys(expected[0] ?? {})) {
          const mean = expected.reduce((sum, one) => sum + (one[metric] ?? 0), 0) / count
          t.ok(Math.abs((scores[metric]?.value ?? Number.NaN) - mean) < 1e-12, `${metric} ${mean}`)
        }
        t.equal(accuracy, scores['acc']?.value)
      }
    })
  } else if (task.grade) {
    const { grade, name } = task
    t.test(`${name}: grades as lm-evaluation-harness does`, async (t) => {
      const metrics = theirs[name] ?? []
      for (const text of new Set(questions.flatMap(({ cases }) => cases.flatMap(({ text = '' }) => text)))) {
        const double = new DoubleLLM()
        double.text = () => text
        const { scores } = await evaluate(double.llm, taskFile(name), optionsFor(name))
        const expected = questions.map(({ cases }) => cases.find((one) => one.text === text)?.scores ?? {})
        const means = metrics.map(
          (metric) => expected.reduce((sum, one) => sum + (one[metric] ?? 0), 0) / expected.length,
        )
        t.same(
          Object.values(scores).map(({ value }) => value),
          means,
          text,
        )
      }
      t.ok(grade)
    })
  }
}

t.test('acc_norm divides by characters, acc_bytes by bytes; of equal answers the first counts', async (t) => {
  const double = new DoubleLLM()
  const folder = t.testdir({
    'piqa.jsonl': '{"goal":"g","sol1":"ööö","sol2":"abcd","label":0}\n',
  })
  double.answer = () => [-3, -3.5]
  const found = await evaluate(double.llm, `${folder}/piqa.jsonl`, { shots: 0 })
  t.match(found.scores, { acc: { value: 1, stderr: null }, acc_norm: { value: 0 }, acc_bytes: { value: 1 } })
  double.answer = () => [-2, -2]
  t.equal((await evaluate(double.llm, `${folder}/piqa.jsonl`, { shots: 0 })).accuracy, 1)
})

t.test('MMLU: figures of each subject, and errors of the means', async (t) => {
  const double = new DoubleLLM()
  double.answer = () => [-1, -2, -3, -4]
  const { accuracy, scores, groups, ...about } = await evaluate(double.llm, taskFile('mmlu'), { shots: 0 })
  t.match(about, { task: 'mmlu', title: 'MMLU', shots: 0, questions: 6 })
  t.equal(accuracy, 1 / 6)
  // Of one right answer in six: sqrt(p (1 - p) / (n - 1)).
  t.ok(Math.abs((scores['acc']?.stderr ?? 0) - Math.sqrt(5 / 36 / 5)) < 1e-12)
  t.match(groups, {
    'garden life': { questions: 3, scores: { acc: { value: 1 / 3 } } },
    letters: { questions: 3, scores: { acc: { value: 0 } } },
  })
})
