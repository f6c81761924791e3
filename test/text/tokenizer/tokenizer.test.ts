import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Detokenizer } from '#lib/output/detokenizer.js'
import { Tokenizer } from '#lib/text/tokenizer/tokenizer.js'
import { shared, skipWithout, sourceOf, tokenizerVectors } from '../sources.js'

const plain = { addSpecialTokens: false, splitSpecialTokens: false }

for (const { name, tokenizer, rows } of tokenizerVectors) {
  t.test(`${name}: as the tokenizers library`, async (t) => {
    const path = join(t.testdir(), 'tokenizer.json')
    writeFileSync(path, JSON.stringify(tokenizer))
    const ours = new Tokenizer(path, {})
    const table = ours.table()
    for (const [text, full, bare, split, skipped, whole] of rows) {
      const label = JSON.stringify(text)
      t.same(ours.encode(text, { ...plain, addSpecialTokens: true }), full, `${label} with special tokens`)
      t.same(ours.encode(text, plain), bare, label)
      t.same(ours.encode(text, { ...plain, splitSpecialTokens: true }), split, `${label} split`)
      const detokenizer = new Detokenizer(table, { continuation: false, skipSpecialTokens: true })
      const segments = [...detokenizer.push(bare), ...detokenizer.end()]
      t.equal(segments.flatMap((s) => (s.special ? [] : [s.text])).join(''), skipped, `${label} decoded`)
      // A leading space is dropped from the text, not from what special tokens stand before.
      if (!table.stripLeadingSpace)
        t.equal(segments.map((s) => s.text).join(''), whole, `${label} decoded with special tokens`)
    }
  })
}

function messageOf(run: () => unknown): string {
  try {
    run()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

interface Golden {
  tokenizer: { text: string; ids_special: number[]; ids: number[]; decoded: string; decoded_skip_special: string }[]
}

t.test('SmolLM2: all golden vectors', { skip: skipWithout('ir/smollm2-135m-int4-asym64') }, async (t) => {
  const { tokenizerPath, tokenizerConfig } = sourceOf('ir/smollm2-135m-int4-asym64')
  const ours = new Tokenizer(tokenizerPath, tokenizerConfig)
  const table = ours.table()
  const golden = JSON.parse(readFileSync('test/fixtures/golden/smollm2.json', 'utf8')) as Golden
  t.ok(golden.tokenizer.length >= 30)
  for (const row of golden.tokenizer) {
    t.same(ours.encode(row.text, { ...plain, addSpecialTokens: true }), row.ids_special, JSON.stringify(row.text))
    t.same(ours.encode(row.text, plain), row.ids, JSON.stringify(row.text))
    const detokenizer = new Detokenizer(table, { continuation: false, skipSpecialTokens: true })
    const segments = [...detokenizer.push(row.ids), ...detokenizer.end()]
    t.equal(segments.map((s) => s.text).join(''), row.decoded)
    t.equal(segments.flatMap((s) => (s.special ? [] : [s.text])).join(''), row.decoded_skip_special)
  }
  t.same(ours.eosTokenIds, [2])
  t.equal(ours.bosTokenId, 1)
})

t.test(
  'Phi-3: both generations of files',
  { skip: skipWithout('phi-3-medium') || skipWithout('phi-3-april-2024') },
  async (t) => {
    const open = (folder: string): Tokenizer =>
      new Tokenizer(`${shared}/${folder}/tokenizer.json`, sourceOf(folder).tokenizerConfig)
    const later = open('phi-3-medium')
    const early = open('phi-3-april-2024')
    const vectors: [string, number[]][] = [
      ['<|user|>\nQuestion <|end|>\n<|assistant|>', [32010, 894, 29871, 32007, 32001]],
      ['<|user|>\n    x=1<|end|>\n<|assistant|>\n', [32010, 921, 29922, 29896, 32007, 32001]],
      ['Hello world', [15043, 3186]],
      [' Hello', [29871, 15043]],
      ['\nHello', [29871, 13, 10994]],
      [' this is 🦙.cpp', [29871, 445, 338, 29871, 243, 162, 169, 156, 29889, 8223]],
    ]
    for (const [text, ids] of vectors)
      t.same(later.encode(text, { ...plain, addSpecialTokens: true }), ids, JSON.stringify(text))
    // add_bos_token and no rstrip.
    t.same(
      early.encode('<|user|>\nx<|end|>', { ...plain, addSpecialTokens: true }),
      [1, 32010, 29871, 13, 29916, 32007],
    )
    const decode = (ids: number[]): string => {
      const detokenizer = new Detokenizer(later.table(), { continuation: false, skipSpecialTokens: true })
      return [...detokenizer.push(ids), ...detokenizer.end()].map((s) => s.text).join('')
    }
    t.equal(decode([2266]), 'Here')
    t.equal(decode([18585, 29991, 2266]), 'Sure! Here')
    t.equal(decode([243, 162, 169]), '\ufffd')
  },
)

t.test('files that are no tokenizer', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'tokenizer.json')
  const good = tokenizerVectors[0]!.tokenizer
  const model = good['model'] as Record<string, unknown>
  const open =
    (content: unknown, config: Record<string, unknown> = {}) =>
    () => {
      writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
      return new Tokenizer(path, config).table()
    }
  const unigram = (vocab: unknown): Record<string, unknown> => ({ type: 'Unigram', unk_id: 0, vocab })
  const cases: [string, () => unknown, string, RegExp][] = [
    ['not JSON', open('{"model": '), 'ERR_TOKENIZER_INVALID', /expected JSON/],
    ['empty', open(''), 'ERR_TOKENIZER_INVALID', /expected JSON/],
    ['an array', open([]), 'ERR_TOKENIZER_INVALID', /JSON object/],
    ['null', open('null'), 'ERR_TOKENIZER_INVALID', /JSON object/],
    ['no model', open({}), 'ERR_TOKENIZER_INVALID', /object model/],
    [
      'another model',
      open({ ...good, model: { ...model, type: 'Magic' } }),
      'ERR_UNSUPPORTED_TOKENIZER',
      /model: expected type 'BPE', 'Unigram'.*"Magic"/,
    ],
    [
      'merges dropped at random',
      open({ ...good, model: { ...model, dropout: 0.1 } }),
      'ERR_UNSUPPORTED_TOKENIZER',
      /model: dropout 0.1/,
    ],
    [
      'a suffix that is no text',
      open({ ...good, model: { ...model, end_of_word_suffix: 7 } }),
      'ERR_TOKENIZER_INVALID',
      /model.end_of_word_suffix.*7/,
    ],
    [
      'two tokens with one id',
      open({ ...good, model: { ...model, vocab: { a: 1, b: 1 } } }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab\["b"\].*1, which "a" has/,
    ],
    [
      'half a character',
      open({ ...good, model: { ...model, vocab: { '\ud83d': 1 } } }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab.*surrogate/,
    ],
    [
      'a list for another model',
      open({ ...good, model: { type: 'WordPiece', unk_token: '?', vocab: ['a'] } }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab: expected an object/,
    ],
    [
      'a limit that is no number',
      open({ ...good, model: { type: 'WordPiece', unk_token: 'a', vocab: { a: 0 }, max_input_chars_per_word: '9' } }),
      'ERR_TOKENIZER_INVALID',
      /model.max_input_chars_per_word.*"9"/,
    ],
    [
      'an unknown token that is no text',
      open({ ...good, model: { type: 'WordLevel', unk_token: 3, vocab: { a: 0 } } }),
      'ERR_TOKENIZER_INVALID',
      /model.unk_token: expected a string, found 3/,
    ],
    [
      'no pieces',
      open({ ...good, model: unigram([]) }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab: expected an array of 1/,
    ],
    ['pieces by name', open({ ...good, model: unigram({ a: 0 }) }), 'ERR_TOKENIZER_INVALID', /model.vocab/],
    ['a piece alone', open({ ...good, model: unigram(['a']) }), 'ERR_TOKENIZER_INVALID', /model.vocab\[0\].*"a"/],
    [
      'a score in words',
      open({
        ...good,
        model: unigram([
          ['a', 0],
          ['b', 'NaN'],
        ]),
      }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab\[1\].*finite score.*NaN/,
    ],
    [
      'an infinite score',
      open(JSON.stringify({ ...good, model: unigram([['a', 7.25]]) }).replace('7.25', '1e999')),
      'ERR_TOKENIZER_INVALID',
      /model.vocab\[0\].*finite score/,
    ],
    [
      'an unknown piece far away',
      open({ ...good, model: { ...unigram([['a', 0]]), unk_id: 1 } }),
      'ERR_TOKENIZER_INVALID',
      /model.unk_id: expected an id in 0…0, found 1/,
    ],
    [
      'an unknown piece before all',
      open({ ...good, model: { ...unigram([['a', 0]]), unk_id: -1 } }),
      'ERR_TOKENIZER_INVALID',
      /model.unk_id.*-1/,
    ],
    [
      'a gigantic piece',
      open({ ...good, model: unigram([['a'.repeat(2 ** 23), 0]]) }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab.*8388608 distinct/,
    ],
    [
      'a character map that is none',
      open({ ...good, normalizer: { type: 'Precompiled', precompiled_charsmap: null } }),
      'ERR_TOKENIZER_INVALID',
      /normalizer.precompiled_charsmap: expected base64/,
    ],
    [
      'a character map that is cut',
      open({ ...good, normalizer: { type: 'Precompiled', precompiled_charsmap: 'ALQCAACEAAA=' } }),
      'ERR_TOKENIZER_INVALID',
      /normalizer.precompiled_charsmap: expected a trie of 4 to 4 bytes.*177152/,
    ],
    [
      'scripts',
      open({ ...good, pre_tokenizer: { type: 'UnicodeScripts' } }),
      'ERR_UNSUPPORTED_TOKENIZER',
      /pre_tokenizer.*UnicodeScripts/,
    ],
    [
      'words of no length',
      open({ ...good, pre_tokenizer: { type: 'FixedLength', length: 0 } }),
      'ERR_TOKENIZER_INVALID',
      /pre_tokenizer.length: expected an integer ≥ 1, found 0/,
    ],
    [
      'a special token far away',
      open({ ...good, post_processor: { type: 'BertProcessing', cls: ['a', -5], sep: ['b', 1] } }),
      'ERR_TOKENIZER_INVALID',
      /post_processor.*cls.*-5/,
    ],
    [
      'a vocabulary that is a list',
      open({ ...good, model: { ...model, vocab: ['a'] } }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab/,
    ],
    [
      'a huge id',
      open({ ...good, model: { ...model, vocab: { a: 4e9 } } }),
      'ERR_TOKENIZER_INVALID',
      /model.vocab\["a"\].*4000000000/,
    ],
    ['a negative id', open({ ...good, model: { ...model, vocab: { a: -1 } } }), 'ERR_TOKENIZER_INVALID', /-1/],
    ['a fractional id', open({ ...good, model: { ...model, vocab: { a: 0.5 } } }), 'ERR_TOKENIZER_INVALID', /0.5/],
    [
      'a merge of three',
      open({ ...good, model: { ...model, merges: [['a', 'b', 'c']] } }),
      'ERR_TOKENIZER_INVALID',
      /merges\[0\]/,
    ],
    [
      'a merge of strangers',
      open({ ...good, model: { ...model, merges: [['no', 'where']] } }),
      'ERR_TOKENIZER_INVALID',
      /merges\[0\].*vocabulary/,
    ],
    [
      'an added token without id',
      open({ ...good, added_tokens: [{ content: 'x' }] }),
      'ERR_TOKENIZER_INVALID',
      /added_tokens\[0\]/,
    ],
    [
      'an added token far away',
      open({ ...good, added_tokens: [{ content: 'x', id: 1e9 }] }),
      'ERR_TOKENIZER_INVALID',
      /added_tokens\[0\]/,
    ],
    [
      'an unknown pre-tokenizer',
      open({ ...good, pre_tokenizer: { type: 'Magic' } }),
      'ERR_UNSUPPORTED_TOKENIZER',
      /pre_tokenizer.*Magic/,
    ],
    [
      'a pre-tokenizer without type',
      open({ ...good, pre_tokenizer: 7 }),
      'ERR_TOKENIZER_INVALID',
      /pre_tokenizer.*'type'/,
    ],
    [
      'a bad regex',
      open({ ...good, pre_tokenizer: { type: 'Split', behavior: 'Isolated', pattern: { Regex: '(' } } }),
      'ERR_UNSUPPORTED_TOKENIZER',
      /pattern/,
    ],
    [
      'an unknown normalizer',
      open({ ...good, normalizer: { type: 'Magic' } }),
      'ERR_UNSUPPORTED_TOKENIZER',
      /normalizer.*Magic/,
    ],
    ['no decoder', open({ ...good, decoder: null }), 'ERR_UNSUPPORTED_TOKENIZER', /decoder/],
    ['an unknown decoder', open({ ...good, decoder: { type: 'CTC' } }), 'ERR_UNSUPPORTED_TOKENIZER', /decoder.*CTC/],
    [
      'an unknown post-processor',
      open({ ...good, post_processor: { type: 'Magic' } }),
      'ERR_UNSUPPORTED_TOKENIZER',
      /post_processor.*Magic/,
    ],
    [
      'a config that is none',
      open(good, { added_tokens_decoder: { x: {} } }),
      'ERR_TOKENIZER_INVALID',
      /added_tokens_decoder/,
    ],
    ['too many values', open(`[${'[],'.repeat(3e6)}1]`), 'ERR_TOKENIZER_INVALID', /brackets and commas/],
    ['a folder', () => new Tokenizer(dir, {}), 'ERR_TOKENIZER_INVALID', /expected a file/],
    ['a missing file', () => new Tokenizer(join(dir, 'none.json'), {}), 'ERR_MODEL_NOT_FOUND', /none.json/],
  ]
  for (const [label, run, code, message] of cases) {
    t.throws(run, { code, message }, label)
    t.ok(messageOf(run).startsWith(dir), `${label} names the file`)
  }
  t.test('100 MB of nothing', async (t) => {
    const large = join(dir, 'large.json')
    const file = openSync(large, 'w')
    ftruncateSync(file, 100e6)
    closeSync(file)
    t.throws(() => new Tokenizer(large, {}), {
      code: 'ERR_TOKENIZER_INVALID',
      message: /67108864 bytes, found 100000000/,
    })
  })
})

t.test('breaking literals', async (t) => {
  const path = join(t.testdir(), 'tokenizer.json')
  writeFileSync(path, JSON.stringify(tokenizerVectors[0]!.tokenizer))
  const ours = new Tokenizer(path, {})
  const texts = [
    '<|im_end|>',
    'a<|im_start|>b<|im_end|>',
    '<|im_<|im_end|>end|>',
    '<|im_end|><|im_end|>',
    'none',
    '<tool>',
  ]
  for (const text of texts) {
    const broken = ours.breakLiterals(text, '\ue000')
    t.equal(broken.replaceAll('\ue000', ''), text)
    t.same(
      ours.encode(broken, { ...plain, breaker: '\ue000' }),
      ours.encode(text, { ...plain, splitSpecialTokens: true }),
      text,
    )
  }
})
