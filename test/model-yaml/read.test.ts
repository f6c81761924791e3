import { readFileSync } from 'node:fs'
import t from 'tap'
import { maxYamlBytes } from '#lib/model-yaml/document.js'
import { readDocumentAside } from '#lib/model-yaml/document-thread.js'
import { readModelYaml } from '#lib/model-yaml/read.js'

const example = readFileSync('test/model-yaml/phi3-medium.yaml', 'utf8')
const read = (text: string, network = true, name?: string) =>
  readModelYaml(text, { file: 'hf://owner/repo/model.yaml', network, name })
const least = 'name: a\nparameters: {model: owner/repo}\n'

t.test('the published example', async (t) => {
  t.strictSame(await read(example), {
    ...{ file: 'hf://owner/repo/model.yaml', name: 'phi3-medium', description: '', usage: '', alias: '' },
    ...{ model: 'fakezeta/Phi-3-medium-4k-instruct-ov-int4', load: {}, defaults: {} },
    contextLimit: { tokens: 4096, key: 'context_size' },
    stopWords: ['<|end|>', '<|endoftext|>'],
    ...{ rewrite: undefined, retryAfterSeconds: undefined, downloads: [], warnings: [] },
  })
})

t.test('numbers that mean nothing set nothing', async (t) => {
  const { defaults } = await read('name: a\nparameters: {model: o/r, seed: -1, max_tokens: 0, top_k: -1, n: }')
  t.strictSame(defaults, { topK: 0 })
  t.strictSame((await read('name: a\nparameters: {model: o/r, logprobs: true, top_logprobs: 3}')).defaults, {
    logprobs: 3,
  })
  t.strictSame((await read('name: a\nparameters: {model: o/r, top_logprobs: 3, logprobs: true}')).defaults, {
    logprobs: 3,
  })
})

t.test('two bounds of the context: the smaller one counts, and is named', async (t) => {
  const { contextLimit } = await read(`${least}context_size: 4096\nmax_model_len: 2048`)
  t.strictSame(contextLimit, { tokens: 2048, key: 'max_model_len' })
})

t.test('types of the KV cache', async (t) => {
  t.strictSame((await read(`${least}cache_type_k: q8_0\ncache_type_v: q8_0`)).load, { kvCachePrecision: 'u8' })
  t.strictSame((await read(`${least}cache_type_k: q8_0\ncache_type_v: q4_0`)).load, {
    ovConfig: { KEY_CACHE_PRECISION: 'u8', VALUE_CACHE_PRECISION: 'u4' },
  })
  t.strictSame((await read(`${least}cache_type_v: f16`)).load, { ovConfig: { VALUE_CACHE_PRECISION: 'f16' } })
})

t.test('lists, and entries of a gallery', async (t) => {
  const list = '- {name: a, parameters: {model: o/a}}\n- {name: b, parameters: {model: o/b}}'
  t.equal((await read(list, true, 'b')).model, 'o/b')
  await t.rejects(read(list), { code: 'ERR_REFERENCE', message: /one of its models \(…#NAME\), found a, b/ })
  await t.rejects(read(list, true, 'c'), { code: 'ERR_REFERENCE', message: /a model named "c".*found a, b/ })
  await t.rejects(read('[]'), { code: 'ERR_REFERENCE', message: /found no model/ })
  const gallery = `
name: from-gallery
config_file: |
  name: inner
  context_size: 512
  parameters: {model: o/r, temperature: 0.5, top_p: 0.9}
overrides: {parameters: {temperature: 0.25}}
files: [{filename: a.gguf, uri: "huggingface://o/r/a.gguf"}]
`
  const found = await read(gallery)
  t.match(found, { name: 'inner', model: 'o/r', defaults: { temperature: 0.25, topP: 0.9 } })
  t.strictSame(found.downloads, [{ filename: 'a.gguf', uri: 'huggingface://o/r/a.gguf', sha256: '' }])
})

t.test('what is without effect is named in one warning each, with the key that was meant', async (t) => {
  const { warnings } = await read(
    `${least}f16: true\nrope_freq_base: 1e6\ncontext_sise: 4096\nstopword: [a]\nflux: 1\nmmap: false\n__proto__: {x: 1}`,
  )
  t.strictSame(warnings, [
    'mmap: false is not done: weights are always mapped from their file',
    'hf://owner/repo/model.yaml: accepted, and without effect here: f16, rope_freq_base',
    'hf://owner/repo/model.yaml: unknown, and without effect: context_sise (did you mean context_size?), ' +
      'stopword (did you mean stopwords?), flux, __proto__',
  ])
  t.strictSame((await read(`name: a\nparameters: {model: o/r, batch: 8}`)).warnings, [
    'hf://owner/repo/model.yaml: accepted, and without effect here: parameters.batch',
  ])
})

t.test('what cannot be done is refused, unless the value asks for nothing', async (t) => {
  const cases: [string, RegExp][] = [
    ['backend: llama-cpp', /expected "backend" to be 'transformers' or 'openvino' or '', found "llama-cpp"/],
    ['type: AutoModelForCausalLM', /"type" to be 'OVModelForCausalLM' or '', found "AutoModelForCausalLM"/],
    ['quantization: awq', /"quantization" cannot be applied: .*already int4/],
    ['lora_adapter: x', /"lora_adapter" cannot be applied/],
    ['mirostat: 2', /"mirostat" cannot be applied: Mirostat/],
    ['mcp: {servers: a}', /"mcp" cannot be applied/],
    ['template: {chat: "{{.Input}}"}', /template\.chat: Go templates, another template language/],
    ['template: {use_tokenizer_template: false, completion: x}', /template\.completion: Go templates/],
  ]
  for (const [line, message] of cases)
    await t.rejects(read(least + line), { code: 'ERR_UNSUPPORTED_MODEL', message }, line)
  const idle = [
    'quantization: ""',
    'lora_adapter:',
    'mirostat: 0',
    'mcp: {}',
    'tts: {}',
    'grammar: ""',
    'diffusers: []',
  ]
  for (const line of [...idle, 'template: {use_tokenizer_template: false}', 'backend: ""'])
    t.strictSame((await read(least + line)).warnings, [], line)
  const both = await read(`${least}template: {use_tokenizer_template: true, chat: "{{.Input}}"}`)
  t.match(both.warnings, [/template\.chat without effect: the tokenizer's template is used/])
})

t.test('a value of the wrong kind is an error that names file, key, expected and found', async (t) => {
  const cases: [string, RegExp][] = [
    [
      'context_size: many',
      /^hf:\/\/owner\/repo\/model\.yaml: expected "context_size" to be an integer from 2 to \d+, found "many"$/,
    ],
    ['context_size: 1', /found 1 of type number/],
    ['threads: 0.5', /"threads" to be an integer from 1 to 1024/],
    ['stopwords: "<|end|>"', /"stopwords" to be a list of at most 64 texts/],
    ['stopwords: [""]', /"stopwords"/],
    ['system_prompt: [a]', /"system_prompt" to be a string, found an array/],
    ['disabled: true', /"disabled" to be false; the model is disabled, found true/],
    ['cache_type_k: q5_0', /"cache_type_k" to be 'f16' or 'q8_0' or 'q4_0', found "q5_0"/],
    ['dtype: int8', /"dtype" to be/],
    ['options: [x]', /"options" to be a list of at most 64 texts KEY:VALUE/],
    ['engine_args: {a: [1]}', /"engine_args" to be a mapping/],
    ['limits: 3', /"limits" to be a mapping, found 3/],
    ['limits: {max_concurrent: 0}', /"limits\.max_concurrent"/],
    ['download_files: [{filename: a}]', /"download_files" to be a list/],
    ['download_files: [{filename: a, uri: b, sha256: 12}]', /"download_files" to be a list/],
    ['extract_regex: ["("]', /"extract_regex" to hold regular expressions, found "\("/],
    ['cutstrings: ["(?U)a"]', /"cutstrings" to hold regular expressions, found "\(\?U\)a" \(flags/],
    ['main_gpu: 0', /"main_gpu" to be a text that is not empty, found 0/],
  ]
  for (const [line, message] of cases) await t.rejects(read(least + line), { code: 'ERR_MODEL_INVALID', message }, line)
  for (const parameters of [
    '{model: o/r, temperature: hot}',
    '{model: o/r, top_p: 2}',
    '{model: o/r, seed: -2}',
    '{model: [1]}',
    '7',
    '{}',
  ])
    await t.rejects(read(`name: a\nparameters: ${parameters}`), { code: 'ERR_MODEL_INVALID' }, parameters)
  await t.rejects(read('parameters: {model: o/r}'), { code: 'ERR_MODEL_INVALID', message: /"name".*found nothing/ })
})

t.test('texts that are no model.yaml, and hostile ones', async (t) => {
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
  for (const [i, name] of [...'bcdefghi'].entries())
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`)
  const cases: [string, string, RegExp][] = [
    ['nothing', '', /expected a YAML mapping/],
    ['a text', 'hello', /expected a YAML mapping/],
    ['a list of texts', '- a', /expected a YAML mapping/],
    ['broken', 'a: [', /expected YAML/],
    ['a key twice', 'name: a\nname: b', /expected YAML \(.*unique/],
    ['aliases that explode', bomb.join('\n'), /expected YAML \(.*alias/],
    ['10 MB', `name: ${'a'.repeat(10_000_000)}`, new RegExp(`at most ${maxYamlBytes} bytes, found 10000006`)],
    ['deep', `${'{a: '.repeat(40)}1${'}'.repeat(40)}`, /at most 16 levels/],
    ['deeper than the stack', '['.repeat(8000), /expected YAML/],
    ['a gallery around a text', 'name: a\nconfig_file: [1]', /"config_file" to be a mapping/],
    [
      'a gallery around a bomb',
      `name: a\nconfig_file: ${JSON.stringify(bomb.join('\n'))}`,
      /config_file: expected YAML/,
    ],
    ['overrides that are none', 'name: a\noverrides: 1', /"overrides" to be a mapping/],
  ]
  for (const [what, text, message] of cases) await t.rejects(read(text), { code: 'ERR_MODEL_INVALID', message }, what)
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
  await read(`${least}engine_args: {__proto__: 1}\noverrides: {__proto__: {polluted: 1}}`).catch(() => {})
  t.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

t.test('a gallery of hundreds of models is read, in a thread of its own and within bounds', async (t) => {
  const one = (i: number) =>
    `- name: model-${i}\n  description: ${'x'.repeat(1000)}\n  parameters: {model: owner/repo-${i}}\n`
  const text = Array.from({ length: 900 }, (_, i) => one(i)).join('')
  t.ok(text.length > 900_000)
  t.match(await read(text, true, 'model-899'), { name: 'model-899', model: 'owner/repo-899' })
  const refused = { code: 'ERR_MODEL_INVALID', message: /^hf:\/\/owner\/repo\/model\.yaml: expected YAML \(/ }
  await t.rejects(read(`${text}- [`, true, 'model-899'), refused)
  await t.rejects(read(text), { code: 'ERR_REFERENCE', message: /a reference that names one of its models/ })
  const input = { text, file: 'model.yaml', wanted: 'model-1' }
  // It would take minutes.
  const slow = readDocumentAside({ ...input, text: '['.repeat(500_000) }, { heap: 512, time: 500 })
  await t.rejects(slow, { code: 'ERR_MODEL_INVALID', message: /model\.yaml: expected YAML that is read in 0\.5 s/ })
  await t.rejects(readDocumentAside(input, { heap: 4, time: 60_000 }), { code: 'ERR_MODEL_INVALID', message: /memory/ })
})

t.test('a file from the network names nothing on this machine', async (t) => {
  const model = (name: string) => `name: a\nparameters: {model: ${JSON.stringify(name)}}\n`
  const refused = [
    ...[
      '/etc',
      '~/models',
      'C:\\models',
      '\\\\host\\share',
      'file:///etc/passwd',
      '../other',
      'a/../../b',
      `$${'{HOME}'}/m`,
      '$HF_TOKEN',
    ].map(model),
    ...['uri: file:///etc/shadow', 'uri: /etc/shadow', 'uri: "https://host/$HF_TOKEN"'].map(
      (uri) => `${least}download_files: [{filename: a, ${uri}}]`,
    ),
    `${least}options: ["CACHE_DIR:here"]`,
    `${least}engine_args: {WEIGHTS_PATH: here}`,
    `${least}engine_args: {LOG_LEVEL: ../x}`,
  ]
  for (const text of refused) {
    await t.rejects(read(text), { code: 'ERR_MODEL_INVALID', message: /of a file from the network/ }, text)
    await t.resolves(read(text, false), `allowed in a local file: ${text}`)
  }
  for (const filename of ['/a', '../a', 'a/../b', 'a\\b', 'C:a', '', 'a//b', './a'])
    await t.rejects(
      read(`${least}download_files: [{filename: ${JSON.stringify(filename)}, uri: "hf://o/r/a"}]`, false),
      {
        code: 'ERR_MODEL_INVALID',
      },
    )
  t.equal((await read('name: a\nsystem_prompt: Use ../x and $HOME.\nparameters: {model: o/r}')).model, 'o/r')
})
