import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { lockFile } from '#lib/hub/lock.js'
import { cachedModel } from '#lib/model/gguf/cached-model.js'
import { findInStore } from '#lib/store/find.js'
import { storedModels } from '#lib/store/models.js'
import { removeFromStore } from '#lib/store/remove.js'
import { scanRepo, scanStore } from '#lib/store/scan.js'
import { run } from '../cli/cli.js'
import { Downloading, repo } from '../hub/downloading.js'
import type { Files } from '../hub/fake-hub.js'
import { tiny } from '../llm/fixtures.js'
import { writeGguf } from '../model/gguf-writer.js'
import { randomLlama, randomLlamaParts } from '../model/random-gguf.js'
import { tinyMetadata, tinyTensors } from '../model/tiny-gguf.js'

const ir: Files = Object.fromEntries(
  readdirSync(tiny('tiny-llama')).map((name) => [name, readFileSync(join(tiny('tiny-llama'), name))]),
)

const gguf = writeGguf(tinyMetadata, tinyTensors)
const parts = randomLlamaParts(20) as [Buffer, Buffer]

/** Two commits of a repository, which share all files but one. */
async function twoCommits(t: Test) {
  const it = await Downloading.start(t)
  const before = it.hub.commit(repo, { ...ir, 'notes.txt': 'before' })
  await it.snapshot()
  const after = it.hub.commit(repo, { ...ir, 'notes.txt': 'after!!' })
  await it.snapshot()
  const scan = () => scanRepo(join(it.cacheDir, 'models--owner--model'))
  return { it, before, after, scan }
}

t.test('a scan finds commits, branches, files and what belongs to none', async (t) => {
  const { it, before, after, scan } = await twoCommits(t)
  const stray = join(it.cacheDir, 'models--owner--model/blobs', `${'0'.repeat(64)}.incomplete`)
  writeFileSync(stray, 'x')
  const stored = await scan()
  t.same(await scanStore(it.cacheDir), [stored])
  t.match(stored, { repo, stray: [stray] })
  t.same(
    stored.revisions.map(({ commit, refs }) => [commit, refs]).sort(),
    [
      [before, []],
      [after, ['main']],
    ].sort(),
  )
  const notes = stored.revisions.map(({ files }) => files.find(({ path }) => path === 'notes.txt')?.size)
  t.same(notes.sort(), [6, 7])
  t.same(await scanStore(join(it.cacheDir, 'missing')), [])
})

t.test('models say what they are, how to name them, and whether they fit', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, {
    ...ir,
    'small/openvino_model.xml': 'x',
    'other-Q4_0.gguf': 'no GGUF',
    'good.gguf': gguf,
    'split-00001-of-00002.gguf': parts[0],
    'split-00002-of-00002.gguf': parts[1],
  })
  await it.snapshot()
  const models = await storedModels(await scanStore(it.cacheDir))
  const byName = new Map(models.map((model) => [model.reference, model]))
  t.same([...byName.keys()].sort(), [
    repo,
    `${repo}/good.gguf`,
    `${repo}/other-Q4_0.gguf`,
    `${repo}/small`,
    `${repo}/split-00001-of-00002.gguf`,
  ])
  const bytes = Object.values(ir).reduce((sum, content) => sum + content.length, 0)
  t.match(byName.get(repo), {
    format: 'OpenVINO',
    contextLength: 256,
    fits: true,
    problem: '',
    size: bytes,
  })
  t.ok(Date.now() - byName.get(repo)!.used < 3_600_000)
  t.match(byName.get(`${repo}/other-Q4_0.gguf`), { format: 'GGUF', problem: /other-Q4_0\.gguf/, fits: undefined })
  t.match(byName.get(`${repo}/good.gguf`), { format: 'GGUF', contextLength: 128, fits: true, size: gguf.length })
  const bytesOfParts = parts[0].length + parts[1].length
  t.match(byName.get(`${repo}/split-00001-of-00002.gguf`), { format: 'GGUF', contextLength: 256, size: bytesOfParts })
  t.match(byName.get(`${repo}/small`), { problem: /openvino_model\.xml/ })
})

t.test('of a GGUF that has been converted, what it was converted into is asked', async (t) => {
  const it = await Downloading.start(t)
  const whole = randomLlama()
  it.hub.commit(repo, { 'good.gguf': whole })
  await it.snapshot()
  process.env.OPENVINO_LLM_CACHE = join(it.cacheDir, 'own')
  t.teardown(() => delete process.env.OPENVINO_LLM_CACHE)
  const listed = async () => (await storedModels(await scanStore(it.cacheDir)))[0]!
  const { path, ...before } = await listed()
  t.match(before, { contextLength: 256, fits: true, problem: '' })
  t.notOk(existsSync(join(it.cacheDir, 'own')), 'it is not converted for that')
  const { folder } = await cachedModel(path, { check: false })
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 64 }))
  const used = statSync(folder).mtimeMs
  t.match(await listed(), { format: 'GGUF', size: whole.length, contextLength: 64, fits: true, problem: '' })
  t.equal(statSync(folder).mtimeMs, used, 'that is no use of it')
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 2 ** 45 }))
  t.match(await listed(), { fits: false }, 'the estimate is of the converted model')
  rmSync(join(folder, 'openvino_model.xml'))
  t.match(await listed(), { contextLength: 256, fits: true, problem: '' })
})

t.test('references find repositories, commits and files', async (t) => {
  const { it, before, after } = await twoCommits(t)
  const repos = await scanStore(it.cacheDir)
  t.equal(findInStore(repos, repo).revision, undefined)
  t.equal(findInStore(repos, `hf://${repo}`).stored.repo, repo)
  t.equal(findInStore(repos, `${repo}@main`).revision?.commit, after)
  t.equal(findInStore(repos, `${repo}@${before.slice(0, 10)}`).revision?.commit, before)
  t.equal(findInStore(repos, `${repo}@main/notes.txt`).path?.('notes.txt'), true)
  t.throws(() => findInStore(repos, 'owner/modle'), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: /did you mean owner\/model/,
  })
  t.throws(() => findInStore(repos, `${repo}@other`), { code: 'ERR_MODEL_NOT_FOUND', message: /there are .*main/ })
  t.throws(() => findInStore(repos, `${repo}/note.txt`), { message: /did you mean notes\.txt/ })
  t.throws(() => findInStore(repos, `${repo}:Q4_K_M`), { code: 'ERR_MODEL_NOT_FOUND' })
})

t.test('removing a commit keeps what another one uses, and removing the rest leaves nothing', async (t) => {
  const { it, before, after, scan } = await twoCommits(t)
  t.equal(await removeFromStore(await scan(), { commit: before }), 'before'.length)
  it.hub.asked()
  t.equal((await it.snapshot()).commit, after)
  t.equal(it.hub.asked().length, 1)
  t.equal(await removeFromStore(await scan(), { path: (path) => path === 'notes.txt' }), 'after!!'.length)
  t.same(
    (await scan()).revisions.map(({ files }) => files.length),
    [Object.keys(ir).length],
  )
  await t.rejects(it.snapshot({ offline: true }), { code: 'ERR_OFFLINE' })
  const bytes = Object.values(ir).reduce((sum, content) => sum + content.length, 0)
  t.equal(await removeFromStore(await scan(), { commit: after }), bytes)
  t.notOk(existsSync(join(it.cacheDir, 'models--owner--model')))
})

t.test('what is being downloaded is not removed', async (t) => {
  const { it, scan } = await twoCommits(t)
  const stored = await scan()
  const files = stored.revisions.flatMap(({ files }) => files.length)
  const locks = join(it.cacheDir, '.locks/models--owner--model')
  const [name = ''] = readdirSync(locks)
  const lock = await lockFile(join(locks, name), () => t.fail('nobody else has it'))
  const refused = { code: 'ERR_CACHE', message: /^owner\/model: another process downloads it; nothing was removed/ }
  await t.rejects(removeFromStore(stored), refused)
  await t.rejects(removeFromStore(stored, { path: (path) => path === 'notes.txt' }), refused)
  t.same(
    (await scan()).revisions.flatMap(({ files }) => files.length),
    files,
  )
  await lock?.close()
  await removeFromStore(stored)
  t.notOk(existsSync(stored.folder))
})

t.test('the commands list, show and remove', async (t) => {
  const { it, before } = await twoCommits(t)
  const env = { HF_HUB_CACHE: it.cacheDir }
  const list = await run(['list'], { env })
  t.match(list, { code: 0, stderr: '' })
  t.match(list.stdout, /^model +size +last use +format +context +fits\n/)
  t.match(list.stdout, /\nowner\/model +[\d.]+ kB +\d{4}-\d\d-\d\d +OpenVINO +256 +yes\n/)
  t.match(list.stdout, new RegExp(`\\nowner/model@${before} `))
  t.match(JSON.parse((await run(['list', '--json'], { env })).stdout), [{ format: 'OpenVINO', contextLength: 256 }, {}])
  const show = await run(['show', `${repo}@main`], { env })
  t.match(show, { code: 0, stderr: '', stdout: /\nmodel +owner\/model: OpenVINO, .*context 256; fits: yes\n/ })
  t.match(show.stdout, /\nfile +notes\.txt {2}7 B\n/)
  t.match(await run(['remove', 'owner/modle'], { env }), { code: 1, stderr: /did you mean owner\/model/ })
  t.match(await run(['remove', repo], { env }), {
    code: 0,
    stderr: /^openvino-llm: removed owner\/model: [\d.]+ kB are free again\n$/,
  })
  t.match(await run(['list'], { env }), { code: 0, stdout: '', stderr: /no models in / })
})

t.test('pull downloads what a reference names, says how much that is, and prints where it is', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, { ...ir, 'model.py': 'never needed' })
  const env = {
    HF_HUB_CACHE: it.cacheDir,
    HF_ENDPOINT: it.hub.url,
    HF_HOME: it.cacheDir,
    HF_TOKEN: '',
    HF_HUB_OFFLINE: '',
  }
  t.match(await run(['pull', repo, '--offline'], { env }), {
    code: 1,
    stdout: '',
    stderr: /ERR_OFFLINE: owner\/model@main/,
  })
  const first = await run(['pull', repo], { env })
  const folder = join(it.cacheDir, 'models--owner--model/snapshots', commit)
  t.match(first, { code: 0, stdout: `${folder}\n`, stderr: /^openvino-llm: [\d.]+ kB to download\n$/ })
  t.notOk(existsSync(join(folder, 'model.py')))
  it.hub.asked()
  t.same(await run(['pull', repo], { env }), { ...first, stderr: '' })
  t.same(it.hub.asked(), ['/api/models/owner/model/revision/main'])
  t.same(await run(['pull', repo, '--offline'], { env }), { ...first, stderr: '' })
  t.match(await run(['pull', 'owner/../nothing'], { env }), {
    code: 1,
    stdout: '',
    stderr: /ERR_MODEL_NOT_FOUND: .*nothing: no such file or folder/,
  })
  t.match(await run(['pull', repo, '--revision', 'mai'], { env }), { code: 1, stderr: /did you mean main/ })
})
