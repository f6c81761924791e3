import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { type ChatMessage, LLM } from '#lib/index.js'
import { createServer } from '#lib/server/index.js'
import { run as bench } from '../bench/modules.js'
import { exact, loadTiny, tiny } from '../llm/fixtures.js'
import { endlessModel, exactFlags, main, Running, run, start } from './cli.js'

const folder = tiny('tiny-llama-fp32')
const flags = ['--max-new-tokens', '12', '--temperature', '0', '--ignore-eos', ...exactFlags]
const options = { maxNewTokens: 12, temperature: 0, ignoreEos: true } as const
const user = (content: string): ChatMessage => ({ role: 'user', content })
const line = (text: string) => (text.endsWith('\n') ? text : `${text}\n`)

t.test('from a pipe: each line is a turn, answers alone are on standard output', async (t) => {
  await using llm = await loadTiny()
  const system = { role: 'system', content: 'Be brief' }
  const first = await llm.generate([system, user('Hello')], options)
  const second = await llm.generate(
    [system, user('Hello'), { role: 'assistant', content: first.text }, user('More')],
    options,
  )
  const alone = await llm.generate([system, user('More')], options)
  t.not(second.text, alone.text, 'the second answer depends on the first turn')

  const input = 'Hello\n\nMore\n/reset\n/rest\nMore'
  const ended = await run(['chat', folder, '--system', 'Be brief', '--stats', ...flags], { input })
  t.equal(ended.code, 0)
  t.equal(ended.stdout, [first, second, alone].map(({ text }) => line(text)).join(''))
  const [a, b, unknown, c, ...rest] = ended.stderr.trimEnd().split('\n')
  for (const stats of [a, b, c])
    t.match(stats, /^openvino-llm: prompt \d+ tokens.*TTFT \d+ ms, answer 12 tokens, .* tokens\/s/)
  t.equal(unknown, 'openvino-llm: unknown command /rest; did you mean /reset?')
  t.same(rest, [])

  const left = start(['chat', folder, ...flags])
  left.child.stdin?.write('/exit\nHello\n')
  t.match(await left.ended, { code: 0, stdout: '', stderr: '' }, 'it leaves though more could come')
})

t.test('commands: /set, /system, /retry, /save, /load', async (t) => {
  await using llm = await loadTiny()
  const ask = async (messages: ChatMessage[], more = {}) => (await llm.generate(messages, { ...options, ...more })).text
  const brief = { role: 'system', content: 'Be brief' }
  const answer = (content: string): ChatMessage => ({ role: 'assistant', content })
  const hello = await ask([user('Hello')])
  const short = await ask([brief, user('Hello')], { maxNewTokens: 5 })
  const more = await ask([brief, user('Hello'), answer(short), user('More')], { maxNewTokens: 5 })
  const file = join(t.testdir({}), 'chat.json')
  const input = [
    'Hello',
    '/set max-new-tokens 5',
    '/set stop ["never found"]',
    '/set stop',
    '/system Be brief',
    '/retry',
    `/save ${file}`,
    '/reset',
    `/load ${file}`,
    'More',
    '/set maxNewTokens 12',
    '/system',
    '/reset',
    'Hello',
    '/set',
  ].join('\n')
  const ended = await run(['chat', folder, ...flags], { input })
  t.equal(ended.code, 0)
  t.equal(ended.stdout, [hello, short, more, hello].map(line).join(''))
  t.equal(ended.stderr, 'max-new-tokens 12\ntemperature 0\nignore-eos true\ncontext-overflow "drop-oldest"\n')
  t.same(JSON.parse(readFileSync(file, 'utf8')), [brief, user('Hello'), answer(short)])
  t.equal(statSync(file).mode & 0o777, 0o600)
})

t.test('commands that go wrong say why, and the chat goes on', async (t) => {
  const home = t.testdir({
    'notes.txt': 'not a chat',
    'odd.json': '[{"role":"user","content":"Hello"}]',
    'deep.json': '[{"role":"user","content":5}]',
  })
  const wrong: [string, RegExp][] = [
    ['/retry', /no message to ask again/],
    ['/retry now', /expected nothing after \/retry/],
    ['/set temprature 1', /unknown option temprature; did you mean temperature\?/],
    ['/set temperature hot', /temperature: Expected a number ≥ 0, received 'hot'/],
    ['/set ignore-eos perhaps', /expected ignore-eos to be true or false, received 'perhaps'/],
    ['/set do-sample true', /expected temperature above 0 with doSample: true/],
    ['/set tools {"a":1}', /tools: Expected an array, received an object/],
    ['/set tools [', /tools: Expected JSON/],
    ['/set signal 1', /unknown option signal/],
    ['/save', /expected \/save FILE/],
    [`/save ${join(home, 'new.json')}`, /nothing to save yet/],
    ['/load', /expected \/load FILE/],
    [`/load ${join(home, 'missing.json')}`, /missing\.json/],
    [`/load ${home}`, /expected a regular file/],
    [`/load ${join(home, 'notes.txt')}`, /notes\.txt: expected a JSON array of chat messages/],
    [`/load ${join(home, 'deep.json')}`, /messages\[0\]\.content/],
    [`/load ${join(home, 'odd.json')}`, /by turns, found user and nothing/],
    ['Hello', /^$/],
    [`/save ${join(home, 'notes.txt')}`, /notes\.txt: expected a JSON array/],
    ['/loud x.json', /^$/],
    ['/loud', /unknown command \/loud; did you mean \/load\?/],
  ]
  const ended = await run(['chat', folder, ...flags], { input: wrong.map(([text]) => text).join('\n') })
  t.equal(ended.code, 0)
  const said = ended.stderr.trimEnd().split('\n')
  const expected = wrong.map(([, message]) => message).filter(({ source }) => source !== '^$')
  t.equal(said.length, expected.length, ended.stderr)
  for (const [i, message] of expected.entries()) t.match(said[i], message)
  t.equal(readFileSync(join(home, 'notes.txt'), 'utf8'), 'not a chat')
})

t.test('messages that no longer fit are left out, and that is said', async (t) => {
  const small = ['chat', folder, '--context-length', '80', ...flags]
  const input = 'Hello there\n'.repeat(6)
  const dropped = await run(small, { input })
  t.match(dropped, { code: 0, stderr: /the oldest messages no longer fit the context/ })
  const refused = await run([...small, '--context-overflow', 'error'], { input })
  t.match(refused, { code: 1, stdout: /./, stderr: /ERR_CONTEXT_LENGTH/ })

  await using llm = await LLM.load(folder, { ovConfig: exact, contextLength: 80 })
  const messages: ChatMessage[] = []
  let expected = ''
  for (let turn = 0; turn < 6; turn++) {
    messages.push(user('Hello there'))
    const { text } = await llm.generate(messages, { ...options, contextOverflow: 'drop-oldest' })
    messages.push({ role: 'assistant', content: text })
    expected += line(text)
  }
  t.equal(dropped.stdout, expected)
})

t.test('with the address of a server, the model behind it answers', async (t) => {
  await using llm = await loadTiny()
  const server = createServer({ tiny: llm, twin: llm }, { apiKeys: ['a long secret'] })
  const { url } = await server.listen({ port: 0 })
  t.teardown(() => server.close())
  const asked = { ...options, ignoreEos: true }
  const first = await llm.generate([user('Hello')], asked)
  const second = await llm.generate([user('Hello'), { role: 'assistant', content: first.text }, user('More')], asked)
  const remote = ['chat', `${url}/v1`, '--max-new-tokens', '12', '--temperature', '0', '--ignore-eos']
  const key = { OPENVINO_LLM_API_KEY: 'a long secret' }
  const input = 'Hello\nMore'
  const ended = await run([...remote, '--model', 'twin', '--api-key', 'a long secret', '--stats'], { input })
  t.match(ended, { code: 0, stdout: line(first.text) + line(second.text) })
  t.match(ended.stderr, /^openvino-llm: prompt \d+ tokens.*answer 12 tokens/)

  // No option that only a loaded model has goes along by default; one that was given is refused.
  const refused = await run([...remote, '--model', 'tiny', '--context-overflow', 'drop-oldest'], { input, env: key })
  t.match(refused, { code: 1, stdout: '', stderr: /option contextOverflow cannot be sent/ })
  t.match(await run(remote, { input, env: key }), { code: 1, stderr: /ERR_REFERENCE: .*several models/ })
  t.match(await run([...remote, '--model', 'tiny'], { input }), { code: 1, stderr: /ERR_ACCESS/ })
  t.match(await run([...remote, '--device', 'CPU'], { input }), { code: 2, stderr: /--device is for a model of this/ })
  t.match(await run(['chat', folder, '--model', 'tiny'], { input }), { code: 2, stderr: /--model is for a server/ })
})

t.test('what is the address of a model is no server', async (t) => {
  for (const address of ['https://huggingface.co/owner--x/repo', 'https://localhost:1/model.yaml']) {
    const ended = await run(['chat', address, '--model', 'x'], { input: '' })
    t.match(ended, { code: 2, stderr: /--model is for a server/ }, address)
  }
})

const { stdout: scriptVersion } = spawnSync('script', ['--version'], { encoding: 'utf8' })
const noTerminal = !scriptVersion?.includes('util-linux') && 'needs script of util-linux for a terminal'

/** The chat in a terminal, where standard output and standard error are one. */
function terminal(args: readonly string[], cache: string): Running {
  const command = [process.execPath, main, ...args].map((word) => `'${word}'`).join(' ')
  // Ctrl+C would otherwise end the shell too, and its code would hide ours.
  return new Running('script', ['--quiet', '--return', '--flush', '--command', `exec ${command}`, '/dev/null'], {
    OPENVINO_LLM_CACHE: cache,
    TERM: 'xterm',
    SHELL: '/bin/sh',
  })
}

t.test('in a terminal: Ctrl+C, history, leaving', { skip: noTerminal }, async (t) => {
  const model = endlessModel(t)
  const cache = join(dirname(model), 'cache')
  const type = (chat: Running, keys: string) => void chat.child.stdin?.write(keys)
  /** Waits for text after what was seen before. */
  const reader = (chat: Running) => {
    let seen = 0
    return async (text: string) => {
      await chat.until(({ stdout }) => stdout.indexOf(text, seen) >= 0)
      seen = chat.stdout.indexOf(text, seen) + text.length
    }
  }
  const prompt = '\x1b[0J> '

  const chat = terminal(['chat', model, '--stats', '--ignore-eos'], cache)
  const sees = reader(chat)
  await sees('100 %')
  await sees('endless on CPU, context of 1048576 tokens')
  await sees(prompt)
  type(chat, 'Hello\r')
  await sees('Hello\r\r\n')
  await chat.until(({ stdout }) => stdout.length > stdout.indexOf('Hello\r\r\n') + 20)
  type(chat, '\x03')
  await sees('finish: cancelled')
  await sees(prompt)
  t.pass('Ctrl+C stopped the answer, and the chat goes on')
  type(chat, 'half')
  await sees('half')
  type(chat, '\x03')
  await sees(prompt)
  type(chat, '\x03')
  await sees('Ctrl+C again')
  type(chat, '\x03')
  t.match(await chat.ended, { code: 0 }, 'Ctrl+C on a line empties it, twice on an empty line it leaves')

  t.equal(readFileSync(join(cache, 'chat-history'), 'utf8'), 'Hello\n')
  t.equal(statSync(join(cache, 'chat-history')).mode & 0o777, 0o600)
  const next = terminal(['chat', folder, ...flags], cache)
  const seesNext = reader(next)
  await seesNext(prompt)
  type(next, '\x1b[A')
  await seesNext(`${prompt}Hello`)
  type(next, '\r')
  await seesNext(prompt)
  type(next, '\x04')
  const { code, stdout } = await next.ended
  t.equal(code, 0, 'Ctrl+D leaves')
  await using llm = await loadTiny()
  const { text } = await llm.generate([user('Hello')], options)
  const plain = text.match(/[ -~]{3,}/g) ?? []
  t.ok(plain.length > 0)
  for (const piece of plain) t.ok(stdout.includes(piece), `the answer has ${JSON.stringify(piece)}`)
})

t.test('in a terminal: Ctrl+C while loading leaves with 130', { skip: noTerminal }, async (t) => {
  // Deep enough that loading takes seconds: the key has to be pressed before its end.
  const deep = join(t.testdir(), 'deep')
  const shape = { layers: 40, hidden: 96, heads: 6, kvHeads: 3, headDim: 32, ffn: 160, vocabulary: 700, context: 512 }
  const settings = JSON.stringify({ ...shape, slidingWindow: 100, group: 32 })
  const written = await bench(
    ['generate/ir'],
    `writeIr('test/fixtures/ir/tiny-phi3', ${JSON.stringify(deep)}, ${settings})`,
  )
  t.equal(written.error, undefined)
  const chat = terminal(['chat', deep], join(deep, 'cache'))
  await chat.until(({ stdout }) => stdout.includes('read'))
  chat.child.stdin?.write('\x03')
  t.match(await chat.ended, { code: 130 })
})

t.test('in a terminal: control characters of an answer are shown, not obeyed', { skip: noTerminal }, async (t) => {
  const cache = join(t.testdir(), 'cache')
  const generate = terminal(['generate', tiny('tiny-llama'), 'Hi', '--max-new-tokens', '12', ...exactFlags], cache)
  const { code, stdout } = await generate.ended
  t.equal(code, 0)
  await using llm = await LLM.load(tiny('tiny-llama'), { ovConfig: exact })
  const { text } = await llm.generate([user('Hi')], { maxNewTokens: 12 })
  t.match(text, '\b')
  t.match(stdout, '\u2408')
  t.notMatch(stdout, '\b')
})
