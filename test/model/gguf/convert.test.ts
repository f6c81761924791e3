import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { convertGguf } from '#lib/model/gguf/convert.js'
import { runFilesTask } from '#lib/model/gguf/files-thread.js'
import { fakeJob } from '../fake-job.js'
import { writeGguf } from '../gguf-writer.js'
import { tinyMetadata, tinyTensors } from '../tiny-gguf.js'

const good = writeGguf(tinyMetadata, tinyTensors)

t.test('makes a complete folder', async (t) => {
  const root = t.testdir({ 'a.gguf': good })
  const progress: string[] = []
  const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }): void =>
    void progress.push(`${stage} ${done}/${total}`)
  const target = join(root, 'deep', 'model')
  const model = await convertGguf(join(root, 'a.gguf'), target, { runJob: fakeJob(), onProgress })
  t.match(model, { folder: target, modelType: 'llama', contextLength: 128, vocabularySize: 10, stopTokenIds: [0, 1] })
  t.equal(model.text.templates.default, '{{ messages[0].content }}')
  t.strictSame(readdirSync(target).sort(), [
    'chat_template.jinja',
    'config.json',
    'generation_config.json',
    'openvino_llm_check.json',
    'openvino_model.bin',
    'openvino_model.xml',
    'tokenizer.json',
    'tokenizer_config.json',
  ])
  t.strictSame(readdirSync(join(root, 'deep')), ['model'], 'nothing temporary is left')
  t.strictSame(progress, ['metadata 0/1', 'metadata 1/1'])
})

t.test('an empty target is used, a full one refused and left alone', async (t) => {
  const root = t.testdir({ 'a.gguf': good, empty: {}, full: { 'precious.txt': 'x' }, file: 'x' })
  await convertGguf(join(root, 'a.gguf'), join(root, 'empty'), { runJob: fakeJob() })
  t.ok(existsSync(join(root, 'empty', 'openvino_model.xml')))
  for (const name of ['full', 'file'])
    await t.rejects(convertGguf(join(root, 'a.gguf'), join(root, name), { runJob: fakeJob() }), {
      code: 'ERR_CONVERT',
      message: new RegExp(`${name}: expected a folder that does not exist or is empty`),
    })
  t.strictSame(readdirSync(join(root, 'full')), ['precious.txt'])
  const raced = convertGguf(join(root, 'a.gguf'), join(root, 'new'), {
    runJob: fakeJob(() => {
      mkdirSync(join(root, 'new'))
      writeFileSync(join(root, 'new', 'theirs'), 'x')
    }),
  })
  await t.rejects(raced, { code: 'ERR_CONVERT', message: /expected a folder/ })
  t.strictSame(readdirSync(join(root, 'new')), ['theirs'])
  t.strictSame(readdirSync(root).sort(), ['a.gguf', 'empty', 'file', 'full', 'new'])
})

t.test('failures leave nothing behind', async (t) => {
  const root = t.testdir({ 'a.gguf': good, 'bad.gguf': good.subarray(0, 100), file: 'x' })
  const fail = fakeJob(() => Promise.reject(new Error('native')))
  const onlyXml = fakeJob(() => undefined)
  await t.rejects(convertGguf(join(root, 'a.gguf'), join(root, 'm'), { runJob: fail }), { message: 'native' })
  await t.rejects(convertGguf(join(root, 'bad.gguf'), join(root, 'm'), { runJob: onlyXml }), {
    name: 'LLMError',
    code: 'ERR_MODEL_INVALID',
    message: /bad\.gguf/,
  })
  await t.rejects(convertGguf(join(root, 'no.gguf'), join(root, 'm'), { runJob: onlyXml }), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: /no\.gguf/,
  })
  await t.rejects(convertGguf(join(root, 'a.gguf'), join(root, 'file', 'm'), { runJob: onlyXml }), {
    code: 'ERR_CONVERT',
    message: /m: /,
  })
  const few = (async () => ({ vocabularySize: 10 })) as unknown as ReturnType<typeof fakeJob>
  await t.rejects(
    convertGguf(join(root, 'a.gguf'), join(root, 'm'), { runJob: few }),
    { code: 'ERR_MODEL_NOT_FOUND', message: /openvino_model\.xml/ },
    'an incomplete folder never appears',
  )
  t.strictSame(readdirSync(root).sort(), ['a.gguf', 'bad.gguf', 'file'])
})

t.test('aborting, before, while reading, while converting and after', async (t) => {
  const root = t.testdir({ 'a.gguf': good })
  const reason = new Error('enough')
  const convert = (signal: AbortSignal, runJob = fakeJob()) =>
    convertGguf(join(root, 'a.gguf'), join(root, 'm'), { signal, runJob })
  await t.rejects(convert(AbortSignal.abort(reason)), reason)

  const reading = new AbortController()
  const promise = convertGguf(join(root, 'a.gguf'), join(root, 'm'), {
    signal: reading.signal,
    runJob: fakeJob(),
    onProgress: () => reading.abort(reason),
  })
  await t.rejects(promise, reason)

  const converting = new AbortController()
  const job = fakeJob(async (target, signal) => {
    writeFileSync(join(target, 'openvino_model.bin'), 'half')
    converting.abort(reason)
    signal?.throwIfAborted()
  })
  await t.rejects(convert(converting.signal, job), reason)
  t.strictSame(readdirSync(root), ['a.gguf'])

  const after = new AbortController()
  await convert(after.signal)
  after.abort(reason)
  t.ok(existsSync(join(root, 'm', 'openvino_model.xml')))
})

t.test('the thread rejects with the signal and keeps the code of errors', async (t) => {
  const folder = t.testdir({ 'a.gguf': good, 'b.gguf': 'no' })
  const controller = new AbortController()
  const promise = runFilesTask('write', { source: join(folder, 'a.gguf'), folder }, controller.signal)
  controller.abort(new Error('stop'))
  await t.rejects(promise, { message: 'stop' })
  await t.rejects(runFilesTask('write', { source: join(folder, 'b.gguf'), folder }), {
    name: 'LLMError',
    code: 'ERR_MODEL_INVALID',
  })
  await t.rejects(runFilesTask('write', { source: join(folder, 'a.gguf'), folder: join(folder, 'a.gguf') }), {
    code: 'ERR_CONVERT',
    message: /cannot be written/,
  })
  await runFilesTask('write', { source: join(folder, 'a.gguf'), folder })
  t.match(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')), { model_type: 'llama' })
})
