import t from 'tap'
import { quantizationOf, selectFiles } from '#lib/references/select.js'

const listing = (...paths: string[]) => paths.map((path) => ({ path, size: 1e9 }))
const select = (paths: string[], path = '', quantization = '') =>
  selectFiles({ repo: 'owner/repo', path, quantization }, listing(...paths))

const ir = ['openvino_model.xml', 'openvino_model.bin', 'config.json', 'tokenizer.json', 'chat_template.jinja']
const inFolder = (folder: string) => ir.map((name) => `${folder}/${name}`)

t.test('an OpenVINO model: what it can need, and nothing else', async (t) => {
  const beside = [
    'tokenizer.model',
    'vocab.txt',
    'LICENSE',
    'README.md',
    'openvino_tokenizer.xml',
    'openvino_tokenizer.bin',
  ]
  const others = [
    'model.py',
    'model.safetensors',
    'a.pt',
    'a.onnx',
    'pytorch_model.bin',
    'model.yaml',
    'picture.png',
    '.gitattributes',
  ]
  const templates = [
    'additional_chat_templates/tool_use.jinja',
    'additional_chat_templates/x/y.jinja',
    'sub/config.json',
  ]
  const { files, model } = select([...ir, ...beside, ...others, ...templates])
  t.strictSame(files, [...ir, ...beside, 'additional_chat_templates/tool_use.jinja'])
  t.equal(model, '')
  t.strictSame(
    select([...ir, ...inFolder('int8'), 'a.Q4_0.gguf']),
    { files: ir, model: '' },
    'that of the whole comes first',
  )
})

t.test('models in folders', async (t) => {
  t.strictSame(select([...inFolder('int4'), 'README.md']), { files: inFolder('int4'), model: 'int4' })
  const two = [...inFolder('a/int8'), ...inFolder('int4')]
  t.throws(() => select(two), {
    code: 'ERR_REFERENCE',
    message: 'owner/repo: holds 2 OpenVINO models; name one: owner/repo/a/int8, owner/repo/int4',
  })
  t.equal(select(two, 'int4').model, 'int4')
  t.equal(select(two, 'a').model, 'a/int8')
  t.strictSame(select(two, 'int4/openvino_model.xml'), { files: inFolder('int4'), model: 'int4' })
  t.throws(() => select(two, 'int'), { code: 'ERR_REFERENCE', message: /there is no "int" in it; it holds a, int4/ })
})

t.test('GGUF', async (t) => {
  const ggufs = ['m-Q4_K_M.gguf', 'm.Q8_0.gguf', 'mmproj-F16.gguf', 'imatrix.gguf', 'README.md']
  t.strictSame(select(ggufs, '', 'q4_k_m'), { files: ['m-Q4_K_M.gguf'], model: 'm-Q4_K_M.gguf' })
  t.strictSame(select(ggufs, 'm.Q8_0.gguf').files, ['m.Q8_0.gguf'])
  t.strictSame(select(['a.gguf', 'README.md']).files, ['a.gguf'])
  t.throws(() => select(ggufs), {
    code: 'ERR_REFERENCE',
    message: 'owner/repo: holds 2 GGUF models; name one: :Q4_K_M (1.0 GB), :Q8_0 (1.0 GB)',
  })
  t.throws(() => select(ggufs, '', 'Q5_0'), {
    message: 'owner/repo:Q5_0: no such GGUF; there are :Q4_K_M (1.0 GB), :Q8_0 (1.0 GB)',
  })
  t.throws(() => select(['a-Q4_0.gguf', 'b-Q4_0.gguf'], '', 'Q4_0'), {
    message: 'owner/repo: holds 2 GGUF models; name one: /a-Q4_0.gguf (1.0 GB), /b-Q4_0.gguf (1.0 GB)',
  })
  t.throws(() => select(ir, '', 'Q4_0'), {
    code: 'ERR_REFERENCE',
    message: /expected a repository with GGUF files, found none/,
  })
  const split = [
    'Q4_K_M/m-00001-of-00003.gguf',
    'Q4_K_M/m-00002-of-00003.gguf',
    'Q4_K_M/m-00003-of-00003.gguf',
    'm-Q2_K.gguf',
  ]
  t.throws(() => select(split), { message: /:Q4_K_M \(3\.0 GB\), :Q2_K \(1\.0 GB\)/ })
  const whole = { files: split.slice(0, 3), model: split[0] }
  for (const [path, quantization] of [
    ['', 'Q4_K_M'],
    ['Q4_K_M/m-00002-of-00003.gguf', ''],
    ['Q4_K_M', ''],
  ] as const)
    t.strictSame(select(split, path, quantization), whole)
  t.throws(() => select(split.slice(0, 2), '', 'Q4_K_M'), {
    code: 'ERR_REFERENCE',
    message: /needs all of its parts, and Q4_K_M\/m-00003-of-00003\.gguf is not there/,
  })
  const names = {
    'a-Q4_K_M.gguf': 'Q4_K_M',
    'a.q4_0.gguf': 'Q4_0',
    'a-UD-Q3_K_XL.gguf': 'UD-Q3_K_XL',
    'a-bf16.gguf': 'BF16',
    'IQ4_XS/a.gguf': 'IQ4_XS',
    'a-4bit.gguf': '',
    'a-MXFP4.gguf': 'MXFP4',
  }
  for (const [path, name] of Object.entries(names)) t.equal(quantizationOf(path), name, path)
})

t.test('a repository without a model says what it is, and how to make one', async (t) => {
  const command =
    'optimum-cli export openvino --model "owner/repo" --task text-generation-with-past --weight-format int4 "repo-int4"'
  for (const paths of [
    ['model.safetensors', 'config.json'],
    ['onnx/model.onnx', 'config.json'],
    ['tf_model.h5', 'config.json'],
  ])
    t.throws(() => select(paths), { code: 'ERR_UNSUPPORTED_MODEL', message: new RegExp(command) }, paths.join())
  t.throws(() => select(['model_index.json', 'unet/openvino_model.bin']), { message: /diffusion pipeline/ })
  t.throws(() => select(['README.md']), { code: 'ERR_MODEL_NOT_FOUND' })
  t.throws(() => select([]), { code: 'ERR_REFERENCE', message: /it holds nothing/ })
})

t.test('a model.yaml is taken alone', async (t) => {
  t.strictSame(select([...ir, 'model.yaml'], 'model.yaml'), { files: ['model.yaml'], model: 'model.yaml' })
  t.throws(() => select(ir, 'model.yaml'), { code: 'ERR_REFERENCE', message: /there is no "model.yaml" in it/ })
})
