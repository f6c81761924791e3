import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { loadModel } from '#lib/model/load-model.js'
import { fakeJob } from './fake-job.js'
import { writeGguf } from './gguf-writer.js'
import { modelFolder } from './model-folder.js'
import { tinyMetadata, tinyTensors } from './tiny-gguf.js'

const versions = { version: '1', openvino: '2' }

t.test('a folder', async (t) => {
  t.match(await loadModel('test/fixtures/ir/tiny-llama-fp32'), {
    source: { kind: 'folder', path: resolve('test/fixtures/ir/tiny-llama-fp32') },
  })
  const odd = join(modelFolder(t), '..', 'x.gguf')
  await t.rejects(loadModel(odd), { code: 'ERR_MODEL_NOT_FOUND', message: /x\.gguf/ })
})

t.test('a GGUF, as path and URL', async (t) => {
  const root = t.testdir({
    'A.GGUF': writeGguf(tinyMetadata, tinyTensors),
    'dir.gguf': {},
    'no.gguf': 'nothing of the kind',
  })
  const options = { root, versions, runJob: fakeJob() }
  const path = join(root, 'A.GGUF')
  const model = await loadModel(path, options)
  t.strictSame(model.source, { kind: 'gguf', path })
  t.strictSame(await loadModel(pathToFileURL(path), options), model)
  t.match(model.text.tokenizerPath, /tokenizer\.json$/)
  await t.rejects(loadModel(join(root, 'no.gguf'), options), {
    code: 'ERR_MODEL_INVALID',
    message: /no\.gguf: expected a GGUF/,
  })
  await t.rejects(loadModel(join(root, 'dir.gguf'), options), { code: 'ERR_MODEL_NOT_FOUND', message: /empty folder/ })
})

t.test('misuse and abort', async (t) => {
  await t.rejects(loadModel(5 as unknown as string), TypeError)
  const reason = new Error('no more')
  await t.rejects(loadModel('test/fixtures/ir/tiny-llama-fp32', { signal: AbortSignal.abort(reason) }), reason)
})
