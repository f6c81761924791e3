import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { readFolder, toPath } from '#lib/model/folder.js'
import { modelFolder } from './model-folder.js'

const tiny = resolve('test/fixtures/ir/tiny-llama-fp32')
const config = JSON.parse(readFileSync(join(tiny, 'config.json'), 'utf8')) as Record<string, unknown>

t.test('reads a whole folder', async (t) => {
  const model = await readFolder(tiny)
  t.match(model, {
    source: { kind: 'folder', path: tiny },
    folder: tiny,
    modelPath: join(tiny, 'openvino_model.xml'),
    weightsPath: join(tiny, 'openvino_model.bin'),
    weightsBytes: 558629,
    modelType: 'llama',
    contextLength: 256,
    longRopeBorder: undefined,
    vocabularySize: 512,
  })
  t.strictSame(model.defaults, [{ source: 'generation_config.json', options: {}, unsupported: [] }])
  t.strictSame([model.stopStrings, model.cardDoubt], [[], ''])
  t.strictSame(model.stopTokenIds, [3, 6])
  t.equal(model.text.tokenizerPath, join(tiny, 'tokenizer.json'))
  t.match(model.text.tokenizerConfig, {
    bos_token: '<s>',
    additional_special_tokens: ['<|assistant|>', '<|system|>', '<|end|>', '<|user|>'],
  })
  t.equal(model.text.templates.default, readFileSync(join(tiny, 'chat_template.jinja'), 'utf8'))
  t.equal(model.text.templateFile, join(tiny, 'chat_template.jinja'))
  t.strictSame(model.files, [
    'openvino_model.xml',
    'openvino_model.bin',
    'tokenizer.json',
    'config.json',
    'generation_config.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'chat_template.jinja',
  ])
  t.doesNotThrow(() => structuredClone(model), 'is plain data')
})

t.test('takes paths, file URLs and openvino_model.xml', async (t) => {
  const url = pathToFileURL(tiny)
  for (const reference of ['test/fixtures/ir/tiny-llama-fp32', url, url.href, join(tiny, 'openvino_model.xml')])
    t.equal((await readFolder(reference)).folder, tiny)
})

t.test('a reference that is no path is misuse', async (t) => {
  for (const reference of [
    '',
    'a\0b',
    7,
    null,
    undefined,
    {},
    'https://example.org/model',
    new URL('https://example.org/model'),
  ]) {
    await t.rejects(readFolder(reference as string), {
      name: 'TypeError',
      message: /expected the model to be a path or a file: URL/,
    })
    t.throws(() => toPath(reference as string), TypeError)
  }
})

t.test('stop ids of all files are joined', async (t) => {
  const folder = modelFolder(t, {
    'config.json': { ...config, eos_token_id: 9, text_config: { eos_token_id: [2, 9] } },
    'generation_config.json': { eos_token_id: [7, 3] },
  })
  t.strictSame((await readFolder(folder)).stopTokenIds, [2, 3, 7, 9])
})

t.test('optional files may be absent', async (t) => {
  const folder = modelFolder(t, {
    'generation_config.json': null,
    'tokenizer_config.json': null,
    'special_tokens_map.json': null,
    'chat_template.jinja': null,
  })
  const model = await readFolder(folder)
  t.strictSame(model.text.templates, {})
  t.equal(model.text.templateFile, '')
  t.strictSame(model.text.tokenizerConfig, {})
  t.strictSame(model.stopTokenIds, [3])
})

t.test('files that are missing, empty or damaged are named', async (t) => {
  const cases: [name: string, content: string | object | null, code: string, message: RegExp][] = [
    ['openvino_model.xml', null, 'ERR_MODEL_NOT_FOUND', /expected a folder with openvino_model\.xml, found none/],
    ['openvino_model.xml', '', 'ERR_MODEL_INVALID', /openvino_model\.xml: the file is empty/],
    ['openvino_model.xml', '{"not": "xml"}', 'ERR_MODEL_INVALID', /openvino_model\.xml: expected an OpenVINO graph/],
    ['openvino_model.bin', null, 'ERR_MODEL_NOT_FOUND', /openvino_model\.bin: no such file/],
    ['openvino_model.bin', '', 'ERR_MODEL_INVALID', /openvino_model\.bin: the file is empty/],
    ['config.json', null, 'ERR_MODEL_NOT_FOUND', /config\.json: no such file/],
    ['config.json', '{', 'ERR_MODEL_INVALID', /config\.json: expected JSON/],
    ['config.json', '[]', 'ERR_MODEL_INVALID', /config\.json: expected a JSON object, found an array of 0/],
    ['config.json', 'null', 'ERR_MODEL_INVALID', /config\.json: expected a JSON object, found null/],
    [
      'config.json',
      `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`,
      'ERR_MODEL_INVALID',
      /config\.json: expected JSON of at most 64 levels/,
    ],
    [
      'config.json',
      ' '.repeat(4 * 1024 * 1024 + 1),
      'ERR_MODEL_INVALID',
      /config\.json: expected at most 4194304 bytes, found 4194305/,
    ],
    [
      'config.json',
      { max_position_embeddings: 1 },
      'ERR_MODEL_INVALID',
      /config\.json: expected "model_type" to be a string, found nothing/,
    ],
    [
      'config.json',
      { model_type: 7 },
      'ERR_MODEL_INVALID',
      /expected "model_type" to be a string, found 7 of type number/,
    ],
    [
      'config.json',
      { model_type: 't5', is_encoder_decoder: true },
      'ERR_UNSUPPORTED_MODEL',
      /encoder-decoder model \(t5\)/,
    ],
    [
      'config.json',
      { model_type: 'llama' },
      'ERR_MODEL_INVALID',
      /config\.json: expected one of max_position_embeddings, .* found none/,
    ],
    [
      'config.json',
      { ...config, max_position_embeddings: 'x' },
      'ERR_MODEL_INVALID',
      /config\.json: expected "max_position_embeddings" to be a positive integer, found "x" of type string/,
    ],
    [
      'config.json',
      { ...config, vocab_size: -1 },
      'ERR_MODEL_INVALID',
      /expected "vocab_size" to be a positive integer, found -1/,
    ],
    [
      'config.json',
      { ...config, eos_token_id: [1, '2'] },
      'ERR_MODEL_INVALID',
      /expected "eos_token_id" to be a token id or an array of token ids, found an array of 2/,
    ],
    ['config.json', { ...config, text_config: 3 }, 'ERR_MODEL_INVALID', /expected "text_config" to be an object/],
    ['generation_config.json', 'x', 'ERR_MODEL_INVALID', /generation_config\.json: expected JSON/],
    [
      'generation_config.json',
      { eos_token_id: 2 ** 31 },
      'ERR_MODEL_INVALID',
      /generation_config\.json: expected "eos_token_id"/,
    ],
    ['tokenizer.json', null, 'ERR_MODEL_NOT_FOUND', /tokenizer\.json: no such file; copy it/],
    ['tokenizer.json', '', 'ERR_MODEL_INVALID', /tokenizer\.json: the file is empty/],
    ['tokenizer_config.json', '7', 'ERR_MODEL_INVALID', /tokenizer_config\.json: expected a JSON object, found 7/],
    ['special_tokens_map.json', '', 'ERR_MODEL_INVALID', /special_tokens_map\.json: expected JSON/],
  ]
  for (const [name, content, code, message] of cases)
    await t.rejects(
      readFolder(modelFolder(t, { [name]: content })),
      { name: 'LLMError', code, message },
      `${name} ${code} ${message.source}`,
    )
  const latin1 = modelFolder(t, { 'chat_template.jinja': Buffer.from([0x61, 0xe9, 0x61]) })
  await t.rejects(readFolder(latin1), { code: 'ERR_MODEL_INVALID', message: /chat_template\.jinja: expected UTF-8/ })
})

t.test('a folder where a file should be', async (t) => {
  const folder = modelFolder(t, { 'openvino_model.bin': null })
  mkdirSync(join(folder, 'openvino_model.bin'))
  await t.rejects(readFolder(folder), {
    code: 'ERR_MODEL_INVALID',
    message: /openvino_model\.bin: expected a regular file/,
  })
})

t.test('a pipe is not opened', { skip: process.platform === 'win32' && 'POSIX pipes' }, async (t) => {
  const folder = modelFolder(t, { 'config.json': null })
  t.equal(spawnSync('mkfifo', [join(folder, 'config.json')]).status, 0)
  await t.rejects(readFolder(folder), { code: 'ERR_MODEL_INVALID', message: /config\.json: expected a regular file/ })
})

t.test('what is not there', async (t) => {
  const folder = t.testdir({ file: 'x', empty: {} })
  await t.rejects(readFolder(join(folder, 'nothing')), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: /nothing: no such file or folder/,
  })
  await t.rejects(readFolder(join(folder, 'file', 'below')), { code: 'ERR_MODEL_NOT_FOUND' })
  await t.rejects(readFolder(join(folder, 'x'.repeat(300))), {
    code: 'ERR_MODEL_INVALID',
    message: /cannot be read \(ENAMETOOLONG\)/,
  })
  await t.rejects(readFolder(join(folder, 'empty')), { code: 'ERR_MODEL_NOT_FOUND', message: /found an empty folder/ })
})

t.test('other kinds of models are explained', async (t) => {
  const cases: [name: string, message: RegExp][] = [
    ['openvino_language_model.xml', /vision-language model/],
    ['openvino_encoder_model.xml', /encoder-decoder model/],
    ['model_index.json', /diffusion pipeline/],
    ['model.Q4_0.gguf', /load the file itself, .*model\.Q4_0\.gguf/],
    ['model-00001-of-00002.safetensors', /optimum-cli export openvino --model .* --weight-format int4/],
    ['pytorch_model.bin', /optimum-cli export openvino/],
    ['model.onnx', /ONNX/],
    ['phi-3.yaml', /LocalAI/],
    ['other.xml', /expected openvino_model\.xml, found other\.xml/],
  ]
  for (const [name, message] of cases)
    await t.rejects(readFolder(t.testdir({ [name]: 'x' })), { code: 'ERR_UNSUPPORTED_MODEL', message }, name)
  for (const name of ['a.yaml', 'a.onnx', 'a.safetensors', 'a.xml', 'a.txt'])
    await t.rejects(readFolder(join(t.testdir({ [name]: 'x' }), name)), {
      code: 'ERR_UNSUPPORTED_MODEL',
      message: new RegExp(name),
    })
  for (const name of ['tokenizer.model', 'openvino_tokenizer.xml']) {
    const folder = modelFolder(t, { 'tokenizer.json': null, [name]: 'x' })
    await t.rejects(readFolder(folder), {
      code: 'ERR_UNSUPPORTED_TOKENIZER',
      message: new RegExp(`found only ${name}; make one with`),
    })
  }
})

t.test(
  'a folder and a file without permission',
  { skip: process.platform === 'win32' && 'POSIX permissions' },
  async (t) => {
    const folder = modelFolder(t)
    const script = join(folder, 'read.mjs')
    const library = pathToFileURL(resolve('dist/model/folder.js')).href
    writeFileSync(
      script,
      `import { readFolder } from ${JSON.stringify(library)}
     if (process.getuid() === 0) process.setuid(65534)
     for (const path of process.argv.slice(2))
       await readFolder(path).then(() => console.log('read'), (error) => console.log(error.code + ' ' + error.message))`,
    )
    const locked = join(folder, 'locked')
    mkdirSync(locked)
    writeFileSync(join(locked, 'openvino_model.xml'), '<net>')
    chmodSync(locked, 0)
    chmodSync(join(folder, 'config.json'), 0)
    const { stdout, stderr } = spawnSync(process.execPath, [script, locked, folder], { encoding: 'utf8' })
    chmodSync(locked, 0o700)
    const [first, second] = stdout.split('\n')
    t.match(first, /^ERR_MODEL_UNREADABLE .*locked.*no permission/, stderr)
    t.match(second, /^ERR_MODEL_UNREADABLE .*config\.json: this process has no permission/)
  },
)

const files = '../shared/fixtures/phi-3-medium'
t.test('the real Phi-3 files', { skip: !existsSync(files) && `${files} is not there` }, async (t) => {
  const read = (name: string): Buffer => readFileSync(join(files, name))
  const shared = Object.fromEntries(
    ['generation_config.json', 'tokenizer.json', 'tokenizer_config.json'].map((name) => [name, read(name)]),
  )
  const folder = (config: string): string =>
    modelFolder(t, { ...shared, 'config.json': read(config), 'chat_template.jinja': null })

  const short = await readFolder(folder('config-4k.json'))
  t.match(short, { modelType: 'phi3', contextLength: 4096, longRopeBorder: undefined, vocabularySize: 32064 })
  t.strictSame(short.stopTokenIds, [32000, 32001, 32007])
  t.match(short.text.templates.default, /<\|user\|>/)
  t.match(short.text.templateFile, /tokenizer_config\.json$/)
  t.match(await readFolder(folder('config-128k.json')), {
    contextLength: 131072,
    longRopeBorder: 4096,
  })
})
