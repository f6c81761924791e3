import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { LLM, type LoadOptions } from '#lib/index.js'
import { exact, tiny } from './fixtures.js'

const folder = mkdtempSync(join(tmpdir(), 'openvino-llm-model-yaml-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** Loads a tiny model through a model.yaml with these lines. */
async function load(lines: string, options: LoadOptions = {}): Promise<LLM> {
  const file = join(folder, 'model.yaml')
  writeFileSync(file, `name: tiny\nparameters:\n  model: ${tiny('tiny-llama-fp32')}\n${lines}`)
  return await LLM.load(file, { ovConfig: exact, ...options })
}

const prompt = { tokens: [10, 20, 30] }

t.test('defaults of requests, with their sources', async (t) => {
  await using llm = await load('  max_tokens: 7\n  temperature: 0.5\n  seed: 3\n', { defaults: { temperature: 0 } })
  t.match(llm.info.generationDefaults, {
    maxNewTokens: { value: 7, source: 'model.yaml' },
    temperature: { value: 0, source: 'LoadOptions.defaults' },
    seed: { value: 3, source: 'model.yaml' },
    topK: { source: 'built-in' },
  })
  const { tokens } = await llm.generate(prompt, { ignoreEos: true })
  t.equal(tokens.length, 7)
  t.equal((await llm.generate(prompt, { ignoreEos: true, maxNewTokens: 3 })).tokens.length, 3)
})

t.test('an option of sampling alone makes answers sampled, as in a request', async (t) => {
  await using llm = await load('  top_p: 0.9\n')
  t.strictSame(llm.info.generationDefaults.doSample, { value: true, source: 'model.yaml' })
})

t.test('settings of the load, below those of the caller', async (t) => {
  const lines = `threads: 1
cache_type_k: q8_0
cache_type_v: q8_0
engine_args: {INFERENCE_NUM_THREADS: 2, INFERENCE_PRECISION_HINT: f32, EXECUTION_MODE_HINT: ACCURACY}
limits: {max_concurrent: 2, retry_after_seconds: 5}
`
  await t.rejects(load(lines, { ovConfig: {} }), {
    name: 'TypeError',
    message: /threads and ovConfig\.INFERENCE_NUM_THREADS to agree/,
  })
  await using llm = await load(lines, {
    threads: 2,
    ovConfig: { INFERENCE_PRECISION_HINT: 'f32', KV_CACHE_PRECISION: 'f32' },
  })
  const { loadSettings, properties, maxSequences, modelYaml } = llm.info
  t.match(loadSettings, {
    threads: { value: 2, source: 'LoadOptions' },
    maxSequences: { value: 2, source: 'model.yaml' },
    maxQueue: { value: 0, source: 'model.yaml' },
    engine: { value: 'auto', source: 'built-in' },
  })
  t.notOk('kvCachePrecision' in loadSettings, 'the property of the caller replaces it')
  t.match(properties, { INFERENCE_NUM_THREADS: '2', EXECUTION_MODE_HINT: 'ACCURACY', KV_CACHE_PRECISION: 'f32' })
  t.equal(maxSequences, 2)
  t.match(modelYaml, { name: 'tiny', retryAfterSeconds: 5, rewrites: false, file: join(folder, 'model.yaml') })
  const running = [1, 2, 3].map(() => llm.generate(prompt, { maxNewTokens: 40, ignoreEos: true }))
  const codes = await Promise.all(
    running.map((one) =>
      one.then(
        () => 'done',
        (error) => error.code,
      ),
    ),
  )
  t.same(codes.sort(), ['ERR_QUEUE_FULL', 'done', 'done'])
})

t.test('the context is bounded, with the reason', async (t) => {
  await using llm = await load('context_size: 40\n')
  t.match(llm.info, { contextLength: 40, contextReason: 'context_size of model.yaml' })
  t.equal((await llm.generate(prompt, { ignoreEos: true })).tokens.length, 37)
  await t.rejects(load('context_size: 40\n', { contextLength: 41 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /at most 40 \(context_size of model\.yaml\), found 41/,
  })
  await using wide = await load('context_size: 1000000\n')
  t.equal(wide.info.contextReason, '')
})

t.test('stop words end answers, beside those of a request', async (t) => {
  const plain = await load('')
  const { text } = await plain.generate(prompt, { maxNewTokens: 24, ignoreEos: true })
  await plain.close()
  const [first, second] = [text.slice(9, 12), text.slice(4, 7)]
  await using llm = await load(`stopwords: [${JSON.stringify(first)}]\n`)
  t.ok(llm.info.stopWords.includes(first))
  const one = await llm.generate(prompt, { maxNewTokens: 24 })
  t.match(one, { finishReason: 'stop', stoppedBy: first })
  const two = await llm.generate(prompt, { maxNewTokens: 24, stop: second })
  t.equal(two.stoppedBy, second)
})

t.test('the system prompt begins a chat that has no system message', async (t) => {
  await using llm = await load('system_prompt: Be brief.\n')
  const text = async (messages: { role: string; content: string }[], options = {}) =>
    (await llm.tokenize(messages, options)).text
  const user = { role: 'user', content: 'Hi' }
  const system = (content: string) => ({ role: 'system', content })
  t.equal(await text([user]), await text([system('Be brief.'), user]))
  t.match(await text([user]), 'Be brief.')
  t.notMatch(await text([system('Be long.'), user]), 'Be brief.')
  t.notMatch(await text([user], { systemPrompt: '' }), 'Be brief.')
  t.match(await text([user], { systemPrompt: 'Be kind.' }), 'Be kind.')
  t.equal((await llm.tokenize('Hi')).text, 'Hi', 'text is no chat')
})

t.test('whole answers are changed, and cannot be streamed', async (t) => {
  const plain = await load('')
  const { text } = await plain.generate('Hello', { maxNewTokens: 16, ignoreEos: true })
  await plain.close()
  await using llm = await load('  echo: true\ncutstrings: ["(?s)^.{2}"]\ntrimsuffix: [""]\n')
  const options = { maxNewTokens: 16, ignoreEos: true }
  const stream = llm.stream('Hello', options)
  t.throws(() => stream[Symbol.asyncIterator](), { code: 'ERR_NO_STREAMING', message: /cutstrings/ })
  await t.rejects(stream.result, { code: 'ERR_NO_STREAMING' })
  t.throws(() => llm.stream('Hello', options).toReadableStream(), { code: 'ERR_NO_STREAMING' })
  await t.rejects(llm.generate('Hello', { ...options, onText: () => {} }), { code: 'ERR_NO_STREAMING' })
  const result = await llm.generate('Hello', options)
  t.equal(result.text, `llo${text}`.trim())
  t.equal(result.answers[0]?.text, result.text)
  t.equal((await llm.stream('Hello', options).result).text, result.text)
  t.equal(result.tokens.length, 16)
  t.equal(llm.info.modelYaml?.rewrites, true)
})

t.test('what is without effect is one warning', async (t) => {
  const warnings: string[] = []
  const llm = await load('f16: true\nstopword: [a]\n', {
    onWarning: ({ code, message }) => warnings.push(`${code} ${message}`),
  })
  await llm.close()
  t.match(warnings, [/^model-yaml .*accepted.*f16/, /^model-yaml .*unknown.*stopword \(did you mean stopwords\?\)/])
})

t.test('an expression that backtracks for minutes fails its request, and the next one is answered', async (t) => {
  await using llm = await load('  echo: true\nextract_regex: ["(a+)+!"]\n')
  const slow = llm.generate('a'.repeat(64), { maxNewTokens: 1, timeout: 2000 })
  await t.rejects(slow, { code: 'ERR_TIMEOUT' })
  t.match(await llm.generate('aaa!', { maxNewTokens: 1 }), { text: 'aaa!' })
})
