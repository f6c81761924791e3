import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Running } from '../cli/cli.js'
import { serveTiny } from '../server/serving.js'

/** A Python that has lm_eval: npm run test:server installs it. */
const python = process.env['OPENVINO_LLM_LM_EVAL'] ?? ''
const skip = python === '' && 'npm run test:server installs lm_eval, and it could not'

const words = ['sun', 'rain', 'snow', 'wind', 'fog']
const questions = Array.from({ length: 20 }, (_, i) => ({
  question: `What comes on day ${i + 1}?`,
  choices: [words[i % 5], `${words[(i + 1) % 5]} and ${words[(i + 2) % 5]}`, `no ${words[(i + 3) % 5]}`],
  answer: i % 3,
}))

const task = (file: string) => `
task: weather
dataset_path: json
dataset_kwargs: { data_files: { test: '${file}' } }
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}\\nAnswer:"
doc_to_target: answer
doc_to_choice: choices
metric_list: [{ metric: acc, aggregation: mean, higher_is_better: true }]
`

interface Sample {
  doc_id: number
  filtered_resps: [logprob: string | number, isGreedy: string | boolean][]
}

t.test('lm_eval: 20 questions have the scores of llm.score', { skip }, async (t) => {
  await using served = await serveTiny()
  const { url } = await served.server.listen({ port: 0 })
  const folder = t.testdir()
  const file = join(folder, 'questions.jsonl')
  writeFileSync(file, questions.map((question) => JSON.stringify(question)).join('\n'))
  mkdirSync(join(folder, 'tasks'))
  writeFileSync(join(folder, 'tasks', 'weather.yaml'), task(file))
  const model = `model=tiny,base_url=${url}/v1/completions,tokenizer_backend=remote,num_concurrent=4,max_length=256`
  const args = ['--model', 'local-completions', '--model_args', model, '--tasks', 'weather']
  const out = join(folder, 'out')
  const run = new Running(
    python,
    ['-m', 'lm_eval', ...args, '--include_path', join(folder, 'tasks'), '--output_path', out, '--log_samples'],
    { HF_HOME: join(folder, 'hf'), HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', NO_PROXY: '127.0.0.1' },
  )
  const { code, stderr } = await run.ended
  t.equal(code, 0, stderr.slice(-2000))

  const written = readdirSync(out, { recursive: true }).map(String)
  const found = written.find((path) => /samples_weather.*\.jsonl$/.test(path)) ?? ''
  const samples = readFileSync(join(out, found), 'utf8')
    .trim()
    .split('\n')
    .map((line): Sample => JSON.parse(line))
  t.equal(samples.length, questions.length)
  const wrong: string[] = []
  let right = 0
  for (const { doc_id: at, filtered_resps: theirs } of samples) {
    const { question, choices, answer } = questions[at] as (typeof questions)[number]
    const ours = await served.llm.score(
      `${question}\nAnswer:`,
      choices.map((choice) => ` ${choice}`),
    )
    for (const [i, { logprob, isGreedy }] of ours.entries()) {
      const [theirLogprob, theirGreedy] = theirs[i] ?? ['', '']
      const same =
        Math.abs(Number(theirLogprob) - logprob) < 1e-3 && String(theirGreedy).toLowerCase() === `${isGreedy}`
      if (!same) wrong.push(`${at}.${i}: ${theirLogprob} ${theirGreedy}, ours ${logprob} ${isGreedy}`)
    }
    const best = ours.map(({ logprob }) => logprob)
    if (best.indexOf(Math.max(...best)) === answer) right++
  }
  t.same(wrong, [])
  const results = written.find((path) => /results_.*\.json$/.test(path)) ?? ''
  const { weather } = JSON.parse(readFileSync(join(out, results), 'utf8')).results
  t.equal(weather['acc,none'], right / questions.length)
})
