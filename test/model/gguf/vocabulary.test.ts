import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { convertGguf } from '#lib/model/gguf/convert.js'
import { exact } from '../../llm/fixtures.js'
import type { GgufValue } from '../gguf-writer.js'
import { type NoiseModel, noiseGguf } from '../noise-gguf.js'

// A tiny model whose metadata has the forms of a real Gemma 3: as many tokens of all kinds, scores, and tokens that differ in a byte order mark.

const count = 262_144
const [control, unknown, userDefined, unused, byte, normal] = [3, 2, 4, 5, 6, 1]

const pieces = [
  ...['<pad>', '<eos>', '<bos>'].map((text) => [text, control] as const),
  ['<unk>', unknown] as const,
  ['<mask>', userDefined] as const,
  ...Array.from({ length: 99 }, (_, i) => [`<unused${i}>`, unused] as const),
  ...['\n', '\n\n', '▁▁', '<h1>', '<start_of_turn>'].map((text) => [text, userDefined] as const),
  ...Array.from({ length: 256 }, (_, i) => [`<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`, byte] as const),
  // Each joint token is made of two others.
  ...['//', '\uFEFF//', '▁a', 'ab', '▁ab', ...'▁/\uFEFF', ...'abcdefghijklmnopqrstuvwxyz0123456789'].map(
    (text) => [text, normal] as const,
  ),
]
const fillers = Array.from({ length: count - pieces.length }, (_, i) => [`w${i}`, normal] as const)
const all = [...pieces, ...fillers]
const tokenizer: Record<string, GgufValue> = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.pre': 'default',
  'tokenizer.ggml.tokens': all.map(([text]) => text),
  'tokenizer.ggml.scores': { f32s: all.map(([, type], id) => (type === normal ? -id : -1000)) },
  'tokenizer.ggml.token_type': all.map(([, type]) => type),
  'tokenizer.ggml.bos_token_id': 2,
  'tokenizer.ggml.eos_token_id': 1,
  'tokenizer.ggml.unknown_token_id': 3,
  'tokenizer.ggml.padding_token_id': 0,
  'tokenizer.ggml.add_bos_token': true,
  'tokenizer.ggml.add_eos_token': false,
  'tokenizer.ggml.add_space_prefix': false,
}
const idOf = (text: string): number => all.findIndex(([piece]) => piece === text)

t.test('a Gemma 3 with its 262,144 tokens computes what transformers does, and reads all of them', async (t) => {
  const text = readFileSync('test/fixtures/golden/gguf-vocabulary.json', 'utf8')
  const model = (JSON.parse(text) as Record<string, NoiseModel>)['gemma3-vocabulary']
  if (!model) throw new Error('not in the fixture')
  const root = t.testdir({})
  const folder = join(root, 'm')
  writeFileSync(join(root, 'a.gguf'), noiseGguf(model, tokenizer))
  await convertGguf(join(root, 'a.gguf'), folder, { check: false })
  await using llm = await LLM.load(folder, { ovConfig: exact })
  t.equal(llm.info.runner, 'stateful')
  for (const { prompt, tokens } of model.answers) {
    const answer = await llm.generate(
      { tokens: prompt },
      { temperature: 0, ignoreEos: true, maxNewTokens: tokens.length },
    )
    t.strictSame(answer.tokens, tokens, `${prompt.length} tokens`)
  }
  const tokenize = async (text: string) => [...(await llm.tokenize(text, { bos: 'never' })).tokens]
  for (const text of ['\uFEFF//', '//', '\uFEFF', `w${fillers.length - 1}`, '<start_of_turn>', '\n\n'])
    t.strictSame(await tokenize(text), [idOf(text)], JSON.stringify(text))
  t.strictSame(await tokenize('\uFEFF// ab'), [idOf('\uFEFF//'), idOf('▁ab')])
  t.strictSame(await tokenize('é'), [idOf('<0xC3>'), idOf('<0xA9>')], 'what has no token is bytes')
  t.equal(await llm.detokenize([idOf('\uFEFF//'), idOf('▁ab')]), '\uFEFF// ab')
})
