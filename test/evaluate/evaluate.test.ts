import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { evaluate } from 'openvino-llm/evaluate'
import t from 'tap'
import ts from 'typescript'
import { loadTiny } from '../llm/fixtures.js'
import { DoubleLLM, taskFile } from './double.js'

t.test('on a model: the scores are those of llm.score, the answers those of llm.generate', async (t) => {
  await using llm = await loadTiny()
  const output = join(t.testdir(), 'results.jsonl')
  const [first = '{}'] = readFileSync(taskFile('piqa'), 'utf8').split('\n')
  const { goal, sol1, sol2 } = JSON.parse(first)
  const { questions, accuracy } = await evaluate(llm, taskFile('piqa'), { shots: 0, output })
  t.equal(questions, 3)
  const lines = readFileSync(output, 'utf8').trimEnd().split('\n').slice(1)
  const results: { index: number; logprobs: number[] }[] = lines.map((line) => JSON.parse(line))
  const expected = await llm.score(`Question: ${goal}\nAnswer:`, [` ${sol1}`, ` ${sol2}`])
  const found = results.find(({ index }) => index === 0)?.logprobs ?? []
  t.ok(expected.every(({ logprob }, i) => Math.abs(logprob - (found[i] ?? 0)) < 1e-3))
  const gold = [0, 1, 0]
  const right = results.filter(({ index, logprobs }) => logprobs.indexOf(Math.max(...logprobs)) === gold[index])
  t.equal(accuracy, right.length / 3)

  const generated = join(t.testdir(), 'answers.jsonl')
  await evaluate(llm, taskFile('triviaqa'), { shots: 1, output: generated, limit: 1 })
  const { completion } = JSON.parse(readFileSync(generated, 'utf8').split('\n')[1] ?? '')
  const prompt = 'Question: What colour is a ripe lemon?\nAnswer: Yellow\n\nQuestion: Which animal says moo?\nAnswer:'
  const { text } = await llm.generate(prompt, { maxNewTokens: 256, temperature: 0, stop: ['\n', '.', ','] })
  t.equal(completion, text)
})

t.test('a question that fails is named by its line', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { contextLength: 16 })
  await t.rejects(evaluate(llm, taskFile('boolq'), { shots: 0 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /boolq\.jsonl:\d: /,
  })
})

t.test('as many questions at once as fill the model, or as the caller says', async (t) => {
  const most = async (name: string, concurrency?: number) => {
    const double = new DoubleLLM()
    let running = 0
    let highest = 0
    double.answer = async (_, continuations) => {
      highest = Math.max(highest, ++running)
      await new Promise(setImmediate)
      running--
      return continuations.map(() => -1)
    }
    await evaluate(double.llm, taskFile(name), { shots: 0, concurrency })
    return highest
  }
  // The double computes four sequences at once; a question of PIQA takes two of them, one of MMLU all.
  t.equal(await most('piqa'), 2)
  t.equal(await most('mmlu'), 1)
  t.equal(await most('mmlu', 3), 3)
})

t.test("importing 'openvino-llm' loads nothing of lib/evaluate", async (t) => {
  const reached = new Set<string>()
  const walk = (file: string) => {
    if (reached.has(file)) return
    reached.add(file)
    for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles) {
      const path = posix.join(posix.dirname(file), fileName)
      if (fileName.startsWith('.') && existsSync(path)) walk(path)
    }
  }
  walk('dist/index.js')
  t.ok(reached.size > 50)
  t.ok(reached.has('dist/llm.js'))
  t.same(
    [...reached].filter((file) => file.includes('evaluate')),
    [],
  )
})
