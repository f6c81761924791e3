import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { demoModelPath } from '#lib/cache/root.js'
import { runFilesTask } from '#lib/model/gguf/files-thread.js'
import { otherPreTokenizers, preTokenizers } from '#lib/model/gguf/pre-tokenizers.js'
import { type TokenizerFiles, tokenizerFiles } from '#lib/model/gguf/tokenizer.js'
import { JsonObject } from '#lib/model/json-object.js'
import { createPreTokenizer } from '#lib/text/tokenizer/pre-tokenizer.js'
import { Tokenizer } from '#lib/text/tokenizer/tokenizer.js'
import { tinyMetadata } from '../tiny-gguf.js'

const make = (metadata: Record<string, unknown>, architecture = 'llama'): TokenizerFiles =>
  tokenizerFiles({
    path: 'a.gguf',
    architecture,
    metadata: new JsonObject('a.gguf', metadata),
    tensors: new Map(),
    ropeFactors: new Map(),
  })

const encoder = (t: Test, { tokenizer, config }: TokenizerFiles): ((text: string) => number[]) => {
  const path = join(t.testdir({}), 'tokenizer.json')
  writeFileSync(path, JSON.stringify(tokenizer))
  const loaded = new Tokenizer(path, config)
  return (text) => loaded.encode(text, { addSpecialTokens: true, splitSpecialTokens: false })
}

interface Golden {
  tokenizer: { text: string; ids_special: number[] }[]
  chat: Record<string, { text: string; ids: number[] } | undefined>[]
}

const path = demoModelPath()
t.test(
  'SmolLM2: all golden vectors',
  { skip: !existsSync(path) && `${path} is not there; npm run demo fetches it` },
  async (t) => {
    const folder = t.testdir({})
    await runFilesTask('write', { source: path, folder })
    const config = JSON.parse(readFileSync(join(folder, 'tokenizer_config.json'), 'utf8')) as Record<string, unknown>
    const tokenizer = new Tokenizer(join(folder, 'tokenizer.json'), config)
    const encode = (text: string): number[] =>
      tokenizer.encode(text, { addSpecialTokens: true, splitSpecialTokens: false })
    const golden = JSON.parse(readFileSync('test/fixtures/golden/smollm2.json', 'utf8')) as Golden
    for (const { text, ids_special } of golden.tokenizer)
      t.strictSame(encode(text), ids_special, JSON.stringify(text.slice(0, 40)))
    const chats = golden.chat.flatMap((chat) => Object.values(chat)).filter((value) => value && 'ids' in value)
    t.ok(chats.length >= golden.chat.length)
    for (const chat of chats) t.strictSame(encode(chat?.text ?? ''), chat?.ids, JSON.stringify(chat?.text.slice(0, 40)))
    t.match(readFileSync(join(folder, 'chat_template.jinja'), 'utf8'), /You are a helpful AI assistant named SmolLM/)
  },
)

const file = '../shared/fixtures/phi-3-medium/tokenizer.json'
t.test(
  'Phi-3: equals the tokenizer.json that the scores came from',
  { skip: !existsSync(file) && `${file} is not there` },
  async (t) => {
    const original = JSON.parse(readFileSync(file, 'utf8')) as {
      added_tokens: { id: number; content: string; special: boolean }[]
      model: { vocab: Record<string, number>; merges: string[] }
      [field: string]: unknown
    }
    const tokens: string[] = []
    for (const [token, id] of Object.entries(original.model.vocab)) tokens[id] = token
    for (const { id, content } of original.added_tokens) tokens[id] = content
    const special = new Map(original.added_tokens.map(({ id, special }) => [id, special]))
    const types = tokens.map((token, id) =>
      id === 0 ? 2 : special.has(id) ? (special.get(id) ? 3 : 4) : /^<0x..>$/.test(token) ? 6 : 1,
    )
    // As in the family's SentencePiece model: the rank in the vocabulary, and runs of spaces last.
    const scores = tokens.map((token, id) => (id < 259 ? 0 : /^▁▁+$/.test(token) ? -1e9 : 259 - id))
    const metadata = {
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': types,
      'tokenizer.ggml.scores': scores,
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 32000,
      'tokenizer.ggml.unknown_token_id': 0,
      'tokenizer.ggml.padding_token_id': 32000,
      'tokenizer.ggml.add_bos_token': false,
    }
    const files = make(metadata, 'phi3')
    for (const field of ['added_tokens', 'normalizer', 'pre_tokenizer', 'decoder', 'post_processor'])
      t.strictSame(JSON.parse(JSON.stringify(files.tokenizer[field])), original[field], field)
    const encode = encoder(t, files)
    for (const [text, ids] of [
      ['<|user|>\nQuestion <|end|>\n<|assistant|>', [32010, 894, 29871, 32007, 32001]],
      ['<|user|>\n    x=1<|end|>\n<|assistant|>\n', [32010, 921, 29922, 29896, 32007, 32001]],
      ['Hello world', [15043, 3186]],
      [' Hello', [29871, 15043]],
      ['\nHello', [29871, 13, 10994]],
      [' this is 🦙.cpp', [29871, 445, 338, 29871, 243, 162, 169, 156, 29889, 8223]],
    ] as const)
      t.strictSame(encode(text), ids, JSON.stringify(text))
    const merges = (files.tokenizer.model as { merges: string[][] }).merges.map((pair) => pair.join(' '))
    t.strictSame(new Set(merges), new Set(original.model.merges))
    t.equal(
      merges.findIndex((merge, rank) => merge !== original.model.merges[rank]),
      -1,
      'in the same order',
    )
    t.equal(make({ ...metadata, 'tokenizer.ggml.add_bos_token': true }, 'phi3').config.add_bos_token, true)
    t.strictSame(
      encoder(t, make({ ...metadata, 'tokenizer.ggml.add_bos_token': true }, 'phi3'))('<|user|>\nHi'),
      [1, 32010, 29871, 13, 18567],
    )
  },
)

t.test('a small SentencePiece model: ids are those of the sentencepiece library', async (t) => {
  const pieces = [
    '▁t',
    '▁th',
    'at',
    'an',
    'es',
    '▁the',
    'aa',
    'ab',
    'er',
    'est',
    'lo',
    '▁w',
    'ew',
    'id',
    '▁b',
    '▁n',
    'low',
    'abab',
    '▁low',
    '▁new',
    '▁wid',
    'ir',
    'is',
    '▁h',
    '▁m',
    '▁o',
    '▁r',
    'ana',
    'and',
    '▁aa',
    '▁abab',
    'el',
    'en',
    'iz',
    'ld',
    'ok',
    'or',
    'pa',
    'st',
    '▁a',
    '▁c',
    '▁f',
    '▁s',
    'erg',
    '▁at',
    '▁is',
    '▁of',
    '▁on',
    '▁pa',
    '▁',
    'a',
    'e',
    't',
    'n',
    'h',
    'r',
    's',
    'w',
    'b',
    'i',
    'o',
    'd',
    'l',
    'f',
    'm',
    'c',
    'g',
    'k',
    'p',
    'z',
  ]
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
  const metadata = {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', '<sep>', ...bytes, ...pieces],
    'tokenizer.ggml.token_type': [2, 3, 3, 4, ...bytes.map(() => 6), ...pieces.map(() => 1)],
    'tokenizer.ggml.scores': [0, 0, 0, 0, ...bytes.map(() => 0), ...pieces.map((_, rank) => -rank)],
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.add_bos_token': false,
  }
  const encode = encoder(t, make(metadata))
  for (const [text, ids] of [
    ['hello world', [283, 291, 270, 271, 296, 294]],
    ['the newest bandana', [265, 279, 269, 274, 288, 287]],
    ['  two  spaces', [309, 309, 260, 317, 320, 309, 302, 297, 325, 264]],
    ['aaaaaaa', [289, 266, 266, 310]],
    ['abababab', [290, 277]],
    ['café 🦙', [300, 310, 323, 199, 173, 309, 244, 163, 170, 157]],
    ['x\ny', [309, 124, 14, 125]],
    ['', []],
  ] as const)
    t.strictSame(encode(text), ids, JSON.stringify(text))

  t.strictSame(encoder(t, make({ ...metadata, 'tokenizer.ggml.add_space_prefix': false }))('the'), [312, 314, 311])
  const { 'tokenizer.ggml.add_bos_token': _, ...silent } = metadata
  t.strictSame(
    encoder(t, make({ ...silent, 'tokenizer.ggml.add_eos_token': true }))('the'),
    [1, 265, 2],
    'BOS is the default of the kind',
  )

  for (const [more, code, message] of [
    [
      { 'tokenizer.ggml.scores': undefined },
      'ERR_TOKENIZER_INVALID',
      /"tokenizer\.ggml\.scores" to be an array of 330 numbers/,
    ],
    [{ 'tokenizer.ggml.scores': Array(330).fill(Number.NaN) }, 'ERR_TOKENIZER_INVALID', /scores/],
    [
      {
        'tokenizer.ggml.tokens': metadata['tokenizer.ggml.tokens'].map((token) =>
          token === '<0x41>' ? '<x41>' : token,
        ),
      },
      'ERR_TOKENIZER_INVALID',
      /256 byte tokens.*found 255/,
    ],
    [
      {
        'tokenizer.ggml.tokens': metadata['tokenizer.ggml.tokens'].map((token) =>
          token === 'z' ? 'z'.repeat(600) : token,
        ),
      },
      'ERR_TOKENIZER_INVALID',
      /at most 512 characters, found 600 in token 329/,
    ],
  ] as const)
    t.throws(() => make({ ...metadata, ...more }), { code, message })
})

t.test('byte-level: added tokens, boundaries, templates', async (t) => {
  const encode = encoder(
    t,
    make({ ...tinyMetadata, 'tokenizer.ggml.add_bos_token': true, 'tokenizer.ggml.add_eos_token': true }),
  )
  t.strictSame(encode('ab ab<tool>ba<|im_end|>'), [0, 6, 7, 2, 4, 3, 1, 0])
  t.strictSame(encoder(t, make(tinyMetadata))('ab'), [6], 'no BOS by default')
  t.equal(make({ ...tinyMetadata, 'tokenizer.ggml.pre': 'llama-bpe' }).config.add_bos_token, true)
  const { config, templates, tokenizer } = make({
    ...tinyMetadata,
    'tokenizer.chat_templates': ['tool_use'],
    'tokenizer.chat_template.tool_use': 'T',
    'tokenizer.ggml.padding_token_id': 1,
  })
  t.match(config, {
    bos_token: '<s>',
    eos_token: '<s>',
    pad_token: '<|im_end|>',
    unk_token: null,
    model_max_length: 128,
  })
  t.strictSame(
    [...templates],
    [
      ['default', '{{ messages[0].content }}'],
      ['tool_use', 'T'],
    ],
  )
  t.match(tokenizer.added_tokens, [
    { id: 0, special: true },
    { id: 1, special: true },
    { id: 2, content: '<tool>', special: false },
  ])
  const tokens = [...(tinyMetadata['tokenizer.ggml.tokens'] as string[]).slice(0, 7), '__proto__']
  const made = make({ ...tinyMetadata, 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.merges': ['a b'] })
  t.match(JSON.stringify(made.tokenizer), /"__proto__":7/)
})

interface Cuts {
  texts: string[]
  /** By names that cut alike: for each text, the bytes of each word. */
  cuts: Record<string, number[][]>
}

t.test('every pre-tokenizer cuts hostile texts as its family does', async (t) => {
  const { texts, cuts } = JSON.parse(readFileSync('test/fixtures/golden/pre-tokenizers.json', 'utf8')) as Cuts
  const compared = new Set<string>()
  for (const [names, expected] of Object.entries(cuts))
    for (const name of names.split(' ')) {
      compared.add(name)
      const cut = createPreTokenizer(preTokenizers.get(name)?.preTokenizer ?? { type: name }, name)
      const wrong = texts.flatMap((text, i) => {
        const found = cut(text, true).flatMap((word) => word.length || [])
        return found.join() === expected[i]?.join() ? [] : [{ text, found, expected: expected[i] }]
      })
      t.strictSame(wrong, [], name)
    }
  t.strictSame(
    [...preTokenizers.keys()].filter((name) => !compared.has(name)),
    [],
    'all are compared',
  )
  for (const [pre, reason] of otherPreTokenizers) {
    t.notOk(preTokenizers.has(pre), pre)
    t.throws(() => make({ ...tinyMetadata, 'tokenizer.ggml.pre': pre }), {
      code: 'ERR_UNSUPPORTED_TOKENIZER',
      message: `a.gguf: "tokenizer.ggml.pre" is "${pre}", which is not supported: ${reason}`,
    })
  }
})

t.test('every pre-tokenizer is one that the text stage knows', async (t) => {
  for (const pre of preTokenizers.keys())
    t.strictSame(
      encoder(t, make({ ...tinyMetadata, 'tokenizer.ggml.pre': pre, 'tokenizer.ggml.add_bos_token': false }))('ab ab'),
      [6, 7],
      pre,
    )
})

t.test('damaged and unknown tokenizers', async (t) => {
  for (const [more, code, message] of [
    [
      { 'tokenizer.ggml.model': 'bert' },
      'ERR_UNSUPPORTED_TOKENIZER',
      /expected "tokenizer\.ggml\.model" to be one of gpt2, llama, found "bert": WordPiece, which GGUFs of encoders have/,
    ],
    [{ 'tokenizer.ggml.model': 't5' }, 'ERR_UNSUPPORTED_TOKENIZER', /found "t5": Unigram, which/],
    [{ 'tokenizer.ggml.model': 'gemma4' }, 'ERR_UNSUPPORTED_TOKENIZER', /found "gemma4": its BPE is not byte-level/],
    [{ 'tokenizer.ggml.model': 'klingon' }, 'ERR_UNSUPPORTED_TOKENIZER', /found "klingon"$/],
    [{ 'tokenizer.ggml.model': undefined }, 'ERR_UNSUPPORTED_TOKENIZER', /holds no tokenizer/],
    [
      { 'tokenizer.ggml.pre': 'klingon' },
      'ERR_UNSUPPORTED_TOKENIZER',
      /"tokenizer\.ggml\.pre" to be one of .*found "klingon"/,
    ],
    [{ 'tokenizer.ggml.pre': undefined }, 'ERR_UNSUPPORTED_TOKENIZER', /found nothing/],
    [{ 'tokenizer.ggml.tokens': [] }, 'ERR_TOKENIZER_INVALID', /not empty/],
    [
      { 'tokenizer.ggml.tokens': [1, 2] },
      'ERR_TOKENIZER_INVALID',
      /"tokenizer\.ggml\.tokens" to be an array of strings/,
    ],
    [
      { 'tokenizer.ggml.tokens': ['a', 'a', 'b', 'c', 'd', 'e', 'f', 'g'] },
      'ERR_TOKENIZER_INVALID',
      /found "a" as 0 and 1/,
    ],
    [
      { 'tokenizer.ggml.token_type': [1] },
      'ERR_TOKENIZER_INVALID',
      /"tokenizer\.ggml\.token_type" to be an array of 8/,
    ],
    [{ 'tokenizer.ggml.token_type': [9, 1, 1, 1, 1, 1, 1, 1] }, 'ERR_TOKENIZER_INVALID', /token_type/],
    [{ 'tokenizer.ggml.merges': undefined }, 'ERR_TOKENIZER_INVALID', /"tokenizer\.ggml\.merges"/],
    [
      { 'tokenizer.ggml.merges': ['a x'] },
      'ERR_TOKENIZER_INVALID',
      /pairs of tokens that join to a token, found "a x"/,
    ],
    [{ 'tokenizer.ggml.merges': ['ab'] }, 'ERR_TOKENIZER_INVALID', /found "ab"/],
    [{ 'tokenizer.ggml.bos_token_id': 8 }, 'ERR_TOKENIZER_INVALID', /below 8, found 8/],
    [
      { 'tokenizer.ggml.bos_token_id': undefined, 'tokenizer.ggml.add_bos_token': true },
      'ERR_TOKENIZER_INVALID',
      /because "tokenizer\.ggml\.add_bos_token" is true/,
    ],
    [{ 'tokenizer.chat_template': 5 }, 'ERR_TOKENIZER_INVALID', /"tokenizer\.chat_template" to be a string/],
    [
      { 'tokenizer.chat_templates': ['../x'], 'tokenizer.chat_template.../x': 'T' },
      'ERR_TOKENIZER_INVALID',
      /"tokenizer\.chat_templates"/,
    ],
  ] as const)
    t.throws(() => make({ ...tinyMetadata, ...more }), { name: 'LLMError', code, message }, message.source)
})
