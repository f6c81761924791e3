import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { LLMError } from '#lib/errors.js'
import { type ResolveContext, resolveReference } from '#lib/references/resolve.js'
import { commitOf, FakeHub } from './fake-hub.js'

const ir = { 'openvino_model.xml': '<net>', 'openvino_model.bin': 'w', 'config.json': '{}', 'tokenizer.json': '{}' }
const yaml = (model: string, more = '') => `name: a\nparameters: {model: ${JSON.stringify(model)}}\n${more}`

const parent = mkdtempSync(join(tmpdir(), 'openvino-llm-references-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))
let count = 0

/** Resolves with a hub of these repositories. */
function setUp(repositories: Record<string, Record<string, string>>, pages: Record<string, string> = {}) {
  const folder = join(parent, String(count++))
  mkdirSync(folder)
  const hub = new FakeHub(join(folder, 'hub'), repositories, pages)
  const warnings: string[] = []
  const context: ResolveContext = { hub, warn: (_, message) => warnings.push(message) }
  return {
    folder,
    hub,
    warnings,
    follow: (model: string | URL, more: Partial<ResolveContext> = {}) =>
      resolveReference(model, { ...context, ...more }),
  }
}

t.test('a repository', async (t) => {
  const { folder, hub, follow } = setUp({
    'o/r': { ...ir, 'README.md': 'x', 'a.py': 'x' },
    'o/g': { 'm-Q4_0.gguf': 'x', 'm-Q8_0.gguf': 'x' },
  })
  t.strictSame(await follow('o/r'), {
    ...{
      reference: 'o/r',
      path: join(folder, 'hub/o/r'),
      hub: { repo: 'o/r', commit: commitOf('o/r') },
      yaml: undefined,
    },
  })
  t.strictSame(hub.fetched.sort(), [...Object.keys(ir), 'README.md'].map((name) => `o/r/${name}`).sort())
  t.equal((await follow('hf://o/g:Q8_0')).path, join(folder, 'hub/o/g/m-Q8_0.gguf'))
  t.equal(
    (await follow(new URL('https://huggingface.co/o/g/blob/main/m-Q4_0.gguf'))).path,
    join(folder, 'hub/o/g/m-Q4_0.gguf'),
  )
  const progress: unknown[] = []
  await follow('o/r@v1', { offline: true, onProgress: (one) => progress.push(one) })
  await follow('o/r', { revision: 'v2' })
  t.strictSame(hub.asked.slice(-2), [
    { repo: 'o/r', revision: 'v1', offline: true },
    { repo: 'o/r', revision: 'v2', offline: undefined },
  ])
  t.strictSame(progress, [{ stage: 'download', done: 1, total: 1 }])
  await t.rejects(follow('o/r@v1', { revision: 'v2' }), {
    code: 'ERR_REFERENCE',
    message: /expected v1, as the reference to o\/r says, found v2/,
  })
})

t.test('a file or folder comes before a repository, unless a scheme says otherwise', async (t) => {
  const { folder, hub, follow } = setUp({ 'o/r': ir })
  const here = process.cwd()
  process.chdir(folder)
  t.teardown(() => process.chdir(here))
  mkdirSync('o/r', { recursive: true })
  t.strictSame(await follow('o/r'), { reference: 'o/r', path: resolve('o/r'), hub: undefined, yaml: undefined })
  t.strictSame(hub.asked, [])
  t.equal((await follow('hf://o/r')).path, join(folder, 'hub/o/r'))
  t.equal((await follow(pathToFileURL('o/r'))).path, resolve('o/r'))
  t.equal((await follow('word')).path, resolve('word'), 'what is there, or not, is found out when it is read')
  await t.rejects(follow('o/nowhere'), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: 'o/nowhere: no such repository (nor is there a file or folder "o/nowhere")',
  })
  await t.rejects(follow('hf://o/nowhere'), { message: 'o/nowhere: no such repository' })
  await t.rejects(follow('./o/r', { revision: 'main' }), {
    code: 'ERR_REFERENCE',
    message: /option revision.*has no revisions/,
  })
})

t.test('what is no reference is misuse, as before', async (t) => {
  const { follow } = setUp({})
  for (const wrong of ['', 'a\0b', 7, null, undefined, {}, 'ftp://host/model'])
    await t.rejects(follow(wrong as string), {
      name: 'TypeError',
      message: /expected the model to be a path or a file: URL/,
    })
  await t.rejects(follow('hf://nothing'), { code: 'ERR_REFERENCE' })
  await t.rejects(follow('o/r', { signal: AbortSignal.abort(new Error('over')) }), { message: 'over' })
})

t.test('a model.yaml in a repository: the model at the same commit, without a second look', async (t) => {
  const { folder, hub, warnings, follow } = setUp({
    'o/r': {
      ...ir,
      'model.yaml': yaml('o/r', 'f16: true'),
      'other.yaml': yaml('p/q'),
      'many.yaml': `- {name: x, parameters: {model: p/q}}`,
    },
    'p/q': ir,
    'p/sub': {
      'cards/a.yaml': yaml('../int4'),
      'cards/b.yaml': yaml('b'),
      'cards/b/openvino_model.xml': 'x',
      ...ir,
      'cards/c.yaml': yaml('.'),
      'cards/openvino_model.xml': 'x',
    },
    'p/up': { 'a.yaml': yaml('..') },
    'p/loop': { 'a.yaml': yaml('hf://p/loop/b.yaml'), 'b.yaml': yaml('hf://p/loop/a.yaml') },
  })
  const found = await follow('huggingface://o/r/model.yaml')
  t.match(found, {
    path: join(folder, 'hub/o/r'),
    hub: { repo: 'o/r' },
    yaml: { name: 'a', file: 'huggingface://o/r/model.yaml' },
  })
  t.strictSame(
    hub.asked.map(({ revision }) => revision),
    [undefined, commitOf('o/r')],
  )
  t.match(warnings, [/without effect here: f16/])
  t.equal((await follow('hf://o/r@v3/other.yaml')).path, join(folder, 'hub/p/q'))
  t.strictSame(
    hub.asked.slice(-2).map(({ revision }) => revision),
    ['v3', undefined],
  )
  t.equal((await follow('hf://o/r/many.yaml#x')).path, join(folder, 'hub/p/q'))
  t.equal((await follow('hf://p/sub/cards/b.yaml')).path, join(folder, 'hub/p/sub/cards/b'))
  t.equal((await follow('hf://p/sub/cards/c.yaml')).path, join(folder, 'hub/p/sub/cards'))
  for (const file of ['p/sub/cards/a.yaml', 'p/up/a.yaml'])
    await t.rejects(follow(`hf://${file}`), { code: 'ERR_MODEL_INVALID', message: /of a file from the network/ }, file)
  await t.rejects(follow('hf://p/loop/a.yaml'), { code: 'ERR_MODEL_INVALID', message: /found another model\.yaml/ })
})

t.test('a model.yaml of a server', async (t) => {
  const url = 'https://example.org/model.yaml'
  const { folder, follow } = setUp({ 'o/r': ir }, { [url]: yaml('o/r'), 'https://example.org/b.yaml': yaml('weights') })
  t.match(await follow(url), { path: join(folder, 'hub/o/r'), yaml: { file: url } })
  await t.rejects(follow('https://example.org/b.yaml'), {
    code: 'ERR_MODEL_INVALID',
    message: /"parameters\.model" to be a repository/,
  })
  await t.rejects(follow('https://example.org/c.yaml'), { message: /not found/ })
})

t.test('what a server said is kept for the time without it', async (t) => {
  const url = 'https://example.org/model.yaml'
  const before = process.env.OPENVINO_LLM_CACHE
  process.env.OPENVINO_LLM_CACHE = t.testdir()
  t.teardown(() => {
    process.env.OPENVINO_LLM_CACHE = before
  })
  const { hub, follow, warnings } = setUp({ 'o/r': ir }, { [url]: yaml('o/r') })
  const offline = {
    code: 'ERR_OFFLINE',
    message: /^https:\/\/example\.org\/model\.yaml: .*the network may not be used/,
  }
  await t.rejects(follow(url, { offline: true }), offline)
  const found = await follow(url)
  t.same(await follow(url, { offline: true }), found)
  t.same(warnings, [])
  hub.failure = new LLMError('ERR_OFFLINE', 'HF_HUB_OFFLINE')
  t.same(await follow(url), found)
  t.same(warnings, [])
  hub.failure = new LLMError('ERR_NETWORK', 'it does not answer')
  t.same(await follow(url), found)
  t.match(warnings, [/what was fetched before is used: it does not answer/])
  await t.rejects(follow('https://example.org/other.yaml'), hub.failure)
  hub.failure = new LLMError('ERR_MODEL_NOT_FOUND', 'it is gone')
  await t.rejects(follow(url), hub.failure)
})

t.test('a local model.yaml: what lies beside it, an absolute path, or a repository', async (t) => {
  const { folder, hub, follow } = setUp({ 'o/r': ir })
  mkdirSync(join(folder, 'weights'))
  const write = (text: string) => {
    const file = join(folder, 'model.yaml')
    writeFileSync(file, text)
    return file
  }
  t.match(await follow(write(yaml('weights'))), {
    path: join(folder, 'weights'),
    hub: undefined,
    yaml: { file: join(folder, 'model.yaml') },
  })
  t.equal((await follow(write(yaml(join(folder, 'weights'))))).path, join(folder, 'weights'))
  t.equal((await follow(write(yaml(pathToFileURL(join(folder, 'weights')).href)))).path, join(folder, 'weights'))
  t.equal((await follow(write(yaml('./nothing')))).path, join(folder, 'nothing'))
  t.strictSame(hub.asked, [])
  t.equal((await follow(write(yaml('o/r')), { revision: 'v1' })).path, join(folder, 'hub/o/r'))
  t.equal(hub.asked[0]?.revision, 'v1')
  await t.rejects(follow(write(yaml('model.yaml'))), { message: /found another model\.yaml/ })
  await t.rejects(follow(write(yaml('https://example.org/a.yaml'))), { message: /found another model\.yaml/ })
  writeFileSync(join(folder, 'empty.yaml'), '')
  await t.rejects(follow(join(folder, 'empty.yaml')), { code: 'ERR_MODEL_INVALID', message: /expected a YAML mapping/ })
})

t.test('download_files: the model is one of them, or a folder of them', async (t) => {
  const files = { 'm.gguf': 'weights', ...ir }
  const sum = createHash('sha256').update('weights').digest('hex')
  const list = (sha256: string) =>
    `download_files:\n- {filename: a/m.gguf, uri: "hf://o/r/m.gguf", sha256: "${sha256}"}\n`
  const folderOf = Object.keys(ir).map((name) => `- {filename: ir/${name}, uri: "hf://o/r@v1/${name}"}`)
  const { folder, hub, warnings, follow } = setUp({
    'o/r': { ...files, 'one.yaml': yaml('a/m.gguf', list(sum)), 'wrong.yaml': yaml('a/m.gguf', list('0'.repeat(64))) },
    'o/f': { 'a.yaml': yaml('ir', `download_files:\n${folderOf.join('\n')}`), 'b.yaml': yaml('o/r:x', list(sum)) },
    'o/u': { 'a.yaml': yaml('x', 'download_files: [{filename: x, uri: "https://example.org/x.gguf"}]') },
    'o/v': { 'a.yaml': yaml('x', 'download_files: [{filename: x, uri: "o/r/m.gguf"}]') },
  })
  process.env['OPENVINO_LLM_CACHE'] = join(folder, 'cache')
  t.teardown(() => delete process.env['OPENVINO_LLM_CACHE'])
  const { path } = await follow('hf://o/r/one.yaml')
  t.match(path, /cache[/\\]model-yaml[/\\][0-9a-f]{32}[/\\]a[/\\]m\.gguf$/)
  t.equal(readFileSync(path, 'utf8'), 'weights')
  t.equal((await follow('hf://o/r/one.yaml')).path, path, 'twice')
  t.equal((await follow('hf://o/r/one.yaml', { revision: 'v2' })).path, path, 'at a revision')
  await t.rejects(follow('hf://o/r/wrong.yaml'), {
    code: 'ERR_INTEGRITY',
    message: /expected a\/m\.gguf to have the SHA-256 0+, found/,
  })
  hub.asked.length = 0
  const whole = await follow('hf://o/f/a.yaml')
  t.strictSame(readdirSync(whole.path).sort(), Object.keys(ir).sort())
  t.strictSame(
    hub.asked.slice(1).map(({ repo, revision }) => [repo, revision]),
    [['o/r', 'v1']],
    'one look for all files',
  )
  for (const repo of ['o/u', 'o/v'])
    await t.rejects(follow(`hf://${repo}/a.yaml`), {
      code: repo === 'o/u' ? 'ERR_REFERENCE' : 'ERR_MODEL_INVALID',
    })
  await t.rejects(follow('hf://o/f/b.yaml'), { code: 'ERR_REFERENCE' })
  t.match(warnings.at(-1), /download_files are left out/)
})

t.test('a word: a file or folder, else what is called so in the cache of downloads', async (t) => {
  const { folder, hub, follow } = setUp({ 'o/phi': ir, 'o/two': ir, 'p/two': ir })
  t.equal((await follow('phi')).path, join(folder, 'hub/o/phi'))
  await t.rejects(follow('two'), {
    code: 'ERR_REFERENCE',
    message: 'two: 2 downloads are called so; name one: hf://o/two, hf://p/two',
  })
  t.equal((await follow('other')).path, resolve('other'))
  hub.asked.length = 0
  t.equal((await follow('lib')).path, resolve('lib'), 'a folder')
  t.strictSame(hub.asked, [])
})
