import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { run as evaluate } from '../bench/modules.js'
import { FakeHub, refuse } from '../hub/fake-hub.js'
import { run, start } from './cli.js'

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
const tokenize = (...args: string[]) => run(['tokenize', ...args, 'Hi'], { env })

/** Runs a reference until it is served, uses it, and ends it as Ctrl+C does not: by SIGTERM. */
async function serve<T>(args: string[], use: (url: string) => Promise<T>, more: Record<string, string> = {}) {
  const flags = ['--port', '0', '--ov', 'INFERENCE_PRECISION_HINT=f32']
  const running = start(['run', ...args, ...flags], { ...env, OPENVINO_LLM_API_KEY: '', ...more })
  const [, url = ''] = await running
    .until(({ stderr }) => /serving phi3-medium at \S+\n/.test(stderr))
    .then(() => /serving phi3-medium at (\S+)\n/.exec(running.stderr) ?? [])
  const result = await use(url)
  running.child.kill('SIGTERM')
  t.match(await running.ended, { code: 143, stdout: '' })
  return result
}

async function ask(url: string, path: string, body?: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/${path}`, body && { method: 'POST', headers, body: JSON.stringify(body) })
  return await answer.json()
}

/** A chat with the only model, which a bias can force to a token. */
const chat = (url: string, options: object = {}) =>
  ask(url, 'chat/completions', { messages, max_tokens: 6, temperature: 0, ...options })

t.test('run downloads what is needed, and serves a chat with both stop words and a context of 4096', async (t) => {
  await serve([reference], async (url) => {
    t.match(await ask(url, 'models'), { data: [{ id: 'phi3-medium', max_model_len: 4096 }] })
    t.match(await chat(url), { choices: [{ message: { content: /./ }, finish_reason: 'length' }] })
    for (const word of ['<|end|>', '<|endoftext|>']) {
      const { tokens } = (await ask(url.replace(/\/v1$/, ''), 'tokenize', {
        prompt: word,
        add_special_tokens: false,
      })) as { tokens: number[] }
      t.equal(tokens.length, 1, word)
      const stopped = {
        choices: [{ message: { content: '' }, finish_reason: 'stop' }],
        usage: { completion_tokens: 1 },
      }
      t.match(await chat(url, { logit_bias: { [String(tokens[0])]: 100 } }), stopped, word)
    }
  })
  const asked = hub.asked()
  t.ok(asked.some((path) => path.endsWith('/openvino_model.bin')))
  t.notOk(asked.some((path) => /\.(py|safetensors)$/.test(path)))
})

t.test('the second time asks whether the branch has moved, and nothing more', async (t) => {
  t.match(await serve([reference], chat), { choices: [{ finish_reason: 'length' }] })
  t.same(hub.asked(), [`/api/models/${repo}/revision/main`])
})

t.test('no request offline, or for a commit', async (t) => {
  const answered = { choices: [{ finish_reason: 'length' }] }
  t.match(await serve([reference, '--offline'], chat), answered)
  t.match(await serve([reference], chat, { HF_HUB_OFFLINE: '1' }), answered)
  t.match(await serve([reference, '--revision', commit], chat), answered)
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
