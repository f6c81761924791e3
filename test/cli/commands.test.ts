import { cpSync, existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { demoModelPath } from '#lib/cache/root.js'
import { devices, estimate } from '#lib/index.js'
import { loadTiny, tiny } from '../llm/fixtures.js'
import { exactFlags, run, runInTurn } from './cli.js'

const folder = tiny('tiny-llama-fp32')
const intFour = tiny('tiny-llama')

t.test('tokenize prints what a request would see', async (t) => {
  await using llm = await loadTiny()
  const text = await llm.tokenize('Hello <|end|>')
  const split = await llm.tokenize('Hello <|end|>', { splitSpecialTokens: true })
  const chat = await llm.tokenize([
    { role: 'system', content: 'x' },
    { role: 'user', content: 'Hello' },
  ])
  t.notSame(text.tokens, split.tokens)

  const ids = `${text.tokens.join(' ')}\n`
  t.strictSame(await runInTurn(['tokenize', folder, 'Hello <|end|>']), {
    code: 0,
    signal: null,
    stdout: ids,
    stderr: '',
  })
  t.match(await run(['tokenize', folder], { input: 'Hello <|end|>\r\n' }), { code: 0, stdout: ids })
  const plain = await runInTurn(['tokenize', folder, 'Hello <|end|>', '--split-special-tokens'])
  t.equal(plain.stdout, `${split.tokens.join(' ')}\n`)
  const rendered = await runInTurn(['tokenize', folder, 'Hello', '--chat', '--system', 'x', '--json'])
  t.same(JSON.parse(rendered.stdout), { tokens: [...chat.tokens], text: chat.text, bos: chat.bos, ignoredRoles: [] })
})

t.test('info shows llm.info', async (t) => {
  await using llm = await loadTiny()
  const json = await runInTurn(['info', folder, '--json', ...exactFlags])
  t.match(json, { code: 0, stderr: '' })
  const measured = { memory: null, timings: null }
  t.same({ ...JSON.parse(json.stdout), ...measured }, { ...llm.info, ...measured })

  const { code, stdout, stderr } = await runInTurn(['info', folder, ...exactFlags])
  t.equal(code, 0)
  t.equal(stderr, '')
  t.match(stdout, /^model +.*tiny-llama-fp32\n/)
  t.match(stdout, /\ncontext +256 tokens\n/)
  t.match(stdout, /\nprecision +computes in f32, KV cache in f32\n/)
  t.match(stdout, /\nstops at +"<\|endoftext\|>", "<\|end\|>"\nstop ids +3, 6\n/)
})

t.test('info shows the defaults that are not built in, and who set them', async (t) => {
  const copy = t.testdir({})
  cpSync(folder, copy, { recursive: true })
  writeFileSync(join(copy, 'README.md'), '---\ninference: { parameters: { temperature: 0.7 } }\n---\n')
  const { stdout } = await runInTurn(['info', copy])
  t.match(stdout, /\ndefaults +temperature 0\.7 \(README\.md\), doSample true \(README\.md\)\n/)
})

t.test('estimate shows what the API says', async (t) => {
  const flags = ['--context-length', '128', '--concurrency', '4', '--kv-cache-precision', 'f32']
  const { weights, kvCache } = await estimate(folder, { contextLength: 128, concurrency: 4, kvCachePrecision: 'f32' })
  const { code, stdout } = await runInTurn(['estimate', folder, '--json', ...flags])
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { weights, kvCache, fits: true })
  const openvino = await estimate(intFour, { contextLength: 128, cpuKernel: 'openvino' })
  const plain = await runInTurn(['estimate', intFour, '--json', '--context-length', '128', '--cpu-kernel', 'openvino'])
  t.match(JSON.parse(plain.stdout), { weights: openvino.weights })
  t.notSame(openvino.weights, (await estimate(intFour, { contextLength: 128 })).weights)
  t.match(await runInTurn(['estimate', folder, ...flags]), { code: 0, stdout: /\navailable +\d.*: it fits\n$/ })
  t.match(await runInTurn(['estimate', folder, '--concurrency', '0']), { code: 2, stderr: /--concurrency/ })
})

t.test('devices lists what the API lists', async (t) => {
  const found = await devices()
  t.match(await runInTurn(['devices']), { code: 0, stderr: '', stdout: new RegExp(`^${found[0]?.name} +\\S`) })
  const json = await runInTurn(['devices', '--json'])
  const names = (list: { name: string }[]) => list.map(({ name }) => name)
  t.same(names(JSON.parse(json.stdout)), names(found))
  t.same(Object.keys(JSON.parse(json.stdout)[0]), Object.keys(found[0]!))
})

t.test('convert refuses a folder in use and a source that is no GGUF', async (t) => {
  const target = t.testdir({ full: { file: 'x' } })
  const source = join(target, 'model.gguf')
  t.match(await runInTurn(['convert', source, join(target, 'new')]), {
    code: 1,
    stdout: '',
    stderr: /ERR_MODEL_NOT_FOUND: .*model\.gguf/,
  })
  writeFileSync(source, 'no GGUF')
  t.match(await runInTurn(['convert', source, join(target, 'new')]), {
    code: 1,
    stdout: '',
    stderr: /ERR_\w+: .*model\.gguf/,
  })
  t.match(await runInTurn(['convert', source, join(target, 'full')]), {
    code: 1,
    stdout: '',
    stderr: /ERR_CONVERT: .*full/,
  })
  t.same(readdirSync(target).sort(), ['full', 'model.gguf'])
})

const demo = demoModelPath()
t.test(
  'convert makes a folder that generates',
  { skip: !existsSync(demo) && 'npm run demo has not fetched its model' },
  async (t) => {
    const target = join(t.testdir(), 'smollm2')
    t.match(await runInTurn(['convert', demo, target]), {
      code: 0,
      stdout: '',
      stderr: /^openvino-llm: wrote .*smollm2: llama, [\d.]+ MB of weights\n$/,
    })
    const question = ['What is the capital of France?', '--max-new-tokens', '20', '--temperature', '0', ...exactFlags]
    const [paged, stateful] = [
      await runInTurn(['generate', target, ...question, '--engine', 'paged']),
      await runInTurn(['generate', target, ...question, '--engine', 'stateful']),
    ]
    t.match(paged, { code: 0, stderr: '', stdout: /\w{3}/ })
    t.equal(paged.stdout, stateful.stdout)
  },
)
