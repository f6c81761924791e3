import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { run as evaluate } from '../bench/modules.js'
import { FakeHub, refuse } from '../hub/fake-hub.js'
import { run } from './cli.js'

const repo = 'fakezeta/Phi-3-medium-4k-instruct-ov-int4'
const reference = `huggingface://${repo}/model.yaml`
/** The tokenizer of Phi-3, where it is; a small one has the same added tokens. */
const real = '../shared/fixtures/phi-3-medium'
const messages = [{ role: 'user', content: 'Hi' }]

const work = t.testdir()
const hub = await FakeHub.start()
t.teardown(() => hub.close())
const env = {
  HF_ENDPOINT: hub.url,
  HF_HUB_CACHE: join(work, 'hub'),
  HF_TOKEN: '',
  OPENVINO_LLM_CACHE: join(work, 'cache'),
}

/** A model of Phi-3's vocabulary whose own files name no end token that the stop words name, so that they alone end answers. */
async function makeModel(): Promise<Record<string, Buffer>> {
  const folder = join(work, 'model')
  const { error } = await evaluate(
    ['generate/ir', 'generate/shapes'],
    `writeIr('test/fixtures/ir/tiny-phi3', ${JSON.stringify(folder)}, shapes['phi-3-tiny'])`,
  )
  if (error !== undefined) throw new Error(error)
  if (existsSync(join(real, 'tokenizer.json')))
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      writeFileSync(join(folder, name), readFileSync(join(real, name)))
  else t.comment(`${real} is absent: a small tokenizer takes its place`)
  for (const [name, changes] of [
    ['config.json', { eos_token_id: 2 }],
    ['generation_config.json', { eos_token_id: 2 }],
    ['tokenizer_config.json', { eos_token: '</s>' }],
  ] as const)
    writeFileSync(
      join(folder, name),
      JSON.stringify({ ...JSON.parse(readFileSync(join(folder, name), 'utf8')), ...changes }),
    )
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))
}

const card = readFileSync('test/model-yaml/phi3-medium.yaml')
const commit = hub.commit(repo, {
  ...(await makeModel()),
  'model.yaml': card,
  'model.py': 'import os',
  'a.safetensors': 'x',
})
const chat = ['--max-new-tokens', '6', '--ov', 'INFERENCE_PRECISION_HINT=f32']
const tokenize = (...args: string[]) => run(['tokenize', ...args, 'Hi'], { env })

t.test('run downloads what is needed, loads it and chats', async (t) => {
  const { code, stdout, stderr } = await run(['run', reference, ...chat], { input: 'Hi\n', env })
  t.equal(code, 0, stderr)
  t.ok(stdout.trim().length > 0)
  const asked = hub.asked()
  t.ok(asked.some((path) => path.endsWith('/openvino_model.bin')))
  t.notOk(asked.some((path) => /\.(py|safetensors)$/.test(path)))
  const again = await run(['run', reference, ...chat], { input: 'Hi\n', env })
  t.match(again, { code: 0, stdout })
  t.same(hub.asked(), [`/api/models/${repo}/revision/main`], 'the second time asks whether the branch has moved')
})

t.test('no request offline, or for a commit', async (t) => {
  t.match(await tokenize(reference, '--offline'), { code: 0 })
  t.match(await run(['tokenize', reference, 'Hi'], { env: { ...env, HF_HUB_OFFLINE: '1' } }), { code: 0 })
  t.match(await tokenize(reference, '--revision', commit), { code: 0 })
  t.match(await tokenize(`${repo}@${commit}`), { code: 0 })
  t.same(hub.asked(), [])
})

t.test('what is there is used, with a warning, when the hub does not answer', async (t) => {
  hub.fault = (_seen, response) => {
    refuse(response, 503, '', 'down')
    return true
  }
  t.teardown(() => {
    hub.fault = () => false
  })
  t.match(await tokenize(reference), {
    code: 0,
    stderr: /warning: .*what is in the cache is used, whether or not main has moved/,
  })
  hub.asked()
})

t.test('show says what a reference would load, and where each value comes from', async (t) => {
  const { code, stdout, stderr } = await run(['show', reference], { env })
  t.equal(code, 0, stderr)
  for (const line of [
    /^loads +.*snapshots.*$/m,
    new RegExp(`^model\\.yaml +phi3-medium, ${reference}$`, 'm'),
    /^context +4096 tokens \(config\.json\)$/m,
    /^stops at +"<\|end\|>" \(model\.yaml\)$/m,
    /^stops at +"<\|endoftext\|>" \(model\.yaml\)$/m,
    new RegExp(`^repository +${repo}$`, 'm'),
  ])
    t.match(stdout, line)
  const file = join(work, 'own.yaml')
  writeFileSync(
    file,
    `name: own\nparameters: {model: "${repo}", top_p: 0.5}\ncontext_size: 99\nthreads: 1\nf16: true\n`,
  )
  const own = await run(['show', file], { env })
  for (const line of [
    /^context +99 tokens \(context_size of model\.yaml\)$/m,
    /^load +threads 1 \(model\.yaml\)$/m,
    /^request +topP 0\.5 \(model\.yaml\)$/m,
    /^warning +.*f16$/m,
  ])
    t.match(own.stdout, line)
  const { definition } = JSON.parse((await run(['show', file, '--json'], { env })).stdout)
  t.match(definition, { load: { threads: { value: 1, source: 'model.yaml' } }, modelYaml: { name: 'own' } })
  t.match(await run(['show', 'phi3-medium'], { env }), { code: 0, stdout: /^loads +.*snapshots/ })
  t.match(await run(['show', 'no/where'], { env }), { code: 1, stderr: /ERR_MODEL_NOT_FOUND/ })
  t.same(hub.asked(), [], 'nothing is asked of the hub')
})

t.test('a repository that is not there', async (t) => {
  t.match(await tokenize('fakezeta/nothing'), {
    code: 1,
    stderr: /ERR_MODEL_NOT_FOUND: .*nor is there a file or folder "fakezeta\/nothing"/,
  })
  t.match(await run(['convert', `${repo}:Q4_0`, join(work, 'converted')], { env }), {
    code: 1,
    stderr: /ERR_REFERENCE: .*expected a repository with GGUF files, found none/,
  })
  t.match(await run(['convert', `${repo}@${commit}`, join(work, 'converted')], { env }), {
    code: 1,
    stderr: /ERR_CONVERT: .*expected a GGUF, found/,
  })
  t.match(await tokenize(`hf://${repo}/nothing`), { code: 1, stderr: /ERR_REFERENCE: .*there is no "nothing" in it/ })
})

t.test('both stop words end answers, the context is 4096, and info says from where', async (t) => {
  const before = { ...process.env }
  Object.assign(process.env, env)
  t.teardown(() => {
    process.env = before
  })
  await using llm = await LLM.load(reference, { offline: true })
  const { contextLength, hub: from, modelYaml, stopWords, stopTokenIds } = llm.info
  t.match({ contextLength, hub: from }, { contextLength: 4096, hub: { repo, commit } })
  t.match(modelYaml, { name: 'phi3-medium', file: reference })
  for (const word of ['<|end|>', '<|endoftext|>']) {
    t.ok(stopWords.includes(word), word)
    const { tokens } = await llm.tokenize(word, { bos: 'never' })
    const [id = -1] = tokens
    t.notOk(stopTokenIds.includes(id), 'the files of the model do not name it')
    const forced = { logitBias: [[id, 10_000]] as const, maxNewTokens: 4 }
    t.match(await llm.generate(messages, forced), { finishReason: 'stop', text: '' }, word)
    t.match(
      await llm.generate(messages, { ...forced, ignoreEos: true }),
      { finishReason: 'length' },
      `${word}, ignored`,
    )
  }
})
