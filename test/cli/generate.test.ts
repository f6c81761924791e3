import { cpSync, rmSync } from 'node:fs'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { exact, loadTiny, tiny } from '../llm/fixtures.js'
import { endlessModel, exactFlags, run, start } from './cli.js'

const folder = tiny('tiny-llama-fp32')
const flags = ['--max-new-tokens', '16', '--temperature', '0', '--ignore-eos', ...exactFlags]
const options = { maxNewTokens: 16, temperature: 0, ignoreEos: true } as const
const line = (text: string) => (text.endsWith('\n') ? text : `${text}\n`)

t.test('the answer goes to standard output and is what the API gives', async (t) => {
  await using llm = await loadTiny()
  const chat = await llm.generate([{ role: 'user', content: 'Hello there' }], options)
  const system = await llm.generate(
    [
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'Hello there' },
    ],
    options,
  )
  const raw = await llm.generate('Hello there', options)
  t.equal(new Set([chat.text, system.text, raw.text]).size, 3, 'the prompts can be told apart')

  t.strictSame(await run(['generate', folder, 'Hello there', ...flags]), {
    code: 0,
    signal: null,
    stdout: line(chat.text),
    stderr: '',
  })
  t.match(await run(['generate', folder, ...flags], { input: 'Hello there\n' }), {
    code: 0,
    stdout: line(chat.text),
    stderr: '',
  })
  t.match(await run(['generate', folder, '--raw', ...flags, '--', 'Hello there']), { code: 0, stdout: line(raw.text) })
  t.match(await run(['generate', folder, 'Hello there', '--system', 'Be brief', ...flags]), {
    code: 0,
    stdout: line(system.text),
  })

  const json = await run(['generate', folder, 'Hello there', '--json', '--stats', ...flags])
  t.equal(json.code, 0)
  t.match(
    json.stderr,
    /^openvino-llm: prompt \d+ tokens, TTFT \d+ ms, answer 16 tokens, [\d.]+ tokens\/s, finish: length\n$/,
  )
  const result = JSON.parse(json.stdout) as typeof chat
  t.same(Object.keys(result), Object.keys(chat))
  t.same(Object.keys(result.timings), Object.keys(chat.timings))
  const same = { ...chat, usage: { ...chat.usage, cachedTokens: 0 } }
  t.same({ ...result, requestId: '', timings: null }, { ...same, requestId: '', timings: null })
})

t.test('stop words, seeds and the context are passed on', async (t) => {
  await using llm = await LLM.load(folder, { ovConfig: exact, contextLength: 24 })
  const full = await llm.generate('Hello there', { temperature: 0, ignoreEos: true })
  const word = full.text.slice(3, 6)
  const stopped = await run([
    'generate',
    folder,
    'Hello there',
    '--raw',
    '--json',
    '--stop',
    word,
    '--stop',
    'never found',
    ...flags,
  ])
  t.match(JSON.parse(stopped.stdout), { text: full.text.slice(0, full.text.indexOf(word)), finishReason: 'stop' })

  const short = await run([
    'generate',
    folder,
    'Hello there',
    '--raw',
    '--json',
    '--context-length',
    '24',
    '--ignore-eos',
    ...exactFlags,
  ])
  t.match(JSON.parse(short.stdout), { tokens: full.tokens, finishReason: 'length' })
  t.equal(full.usage.totalTokens, 24)

  const long = 'Hello there '.repeat(20)
  const overflow = await run(['generate', folder, long, '--context-length', '24'])
  t.match(overflow, { code: 1, stdout: '', stderr: /^openvino-llm: ERR_CONTEXT_LENGTH: .*\n$/ })

  const sampled = [
    'generate',
    folder,
    'Hi',
    '--json',
    '--max-new-tokens',
    '8',
    '--temperature',
    '2',
    '--seed',
    '7',
    ...exactFlags,
  ]
  const [first, second] = [await run(sampled), await run(sampled)].map(({ stdout }) => JSON.parse(stdout))
  t.same(first.tokens, second.tokens)
  const greedy = await llm.generate([{ role: 'user', content: 'Hi' }], { maxNewTokens: 8, temperature: 0 })
  t.notSame(first.tokens, greedy.tokens)
})

t.test('a model without chat template continues the text and says so', async (t) => {
  const copy = `${t.testdir()}/model`
  cpSync(folder, copy, { recursive: true })
  rmSync(`${copy}/chat_template.jinja`)
  await using llm = await loadTiny()
  const { text } = await llm.generate('Hello there', options)
  t.match(await run(['generate', copy, 'Hello there', ...flags]), {
    code: 0,
    stdout: line(text),
    stderr: /no chat template/,
  })
  t.match(await run(['generate', copy, 'Hello there', '--system', 'x']), {
    code: 1,
    stdout: '',
    stderr: /ERR_NO_CHAT_TEMPLATE/,
  })
  t.match(await run(['chat', copy], { input: 'Hello there\n' }), {
    code: 1,
    stdout: '',
    stderr: /ERR_NO_CHAT_TEMPLATE/,
  })
})

const endless = ['generate', endlessModel(t), 'Hi', '--ignore-eos']

t.test('signals during generation end it with 128 + their number', async (t) => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const running = start(endless)
    await running.until(({ stdout }) => stdout !== '')
    running.child.kill(signal)
    t.match(await running.ended, { code, signal: null, stderr: '', stdout: /\n$/ }, signal)
  }
})

t.test('a signal ends the wait for standard input', async (t) => {
  // Says when the command's second handler is being added; the first is there then. The test runner's preload has handlers too.
  const report = `process.on('newListener', (name, handler) => {
    if (name === 'SIGTERM' && String(handler).includes('onInterrupt')) process.stderr.write('listens')
  })`
  const running = start(['tokenize', tiny('tiny-llama')], {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}`,
  })
  await running.until(({ stderr }) => stderr.includes('listens'))
  running.child.kill('SIGINT')
  t.match(await running.ended, { code: 130, signal: null, stdout: '' })
})

t.test('a reader that goes away ends the command without a word', async (t) => {
  const running = start(endless)
  await running.until(({ stdout }) => stdout !== '')
  running.child.stdout?.destroy()
  t.match(await running.ended, { code: 141, signal: null, stderr: '' })
})
