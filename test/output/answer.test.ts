import t from 'tap'
import { Answer } from '#lib/output/answer.js'
import type { AnswerPart } from '#lib/output/parts.js'
import { tableOf } from '../generation/table.js'

const pieces = ['a', 'b', ' c', [0xf0, 0x9f], [0x98, 0x80], '<end>', '<tool>', '\n', 'stop', 'st']
const id = (piece: string) => pieces.indexOf(piece)
const answer = (
  options: { stopWords?: string[]; stopTokens?: number[]; skipSpecialTokens?: boolean; strip?: boolean } = {},
) =>
  new Answer(tableOf(pieces, options.strip), {
    stopWords: options.stopWords ?? [],
    stopTokens: new Set(options.stopTokens ?? [id('<end>')]),
    skipSpecialTokens: options.skipSpecialTokens ?? true,
    continuation: false,
  })

/** The only part. */
const one = (parts: AnswerPart[]) => {
  if (parts.length > 1) throw new Error(`expected one part, received ${parts.length}`)
  return parts[0]
}

t.test('each token that has text is a part at once', async (t) => {
  const it = answer()
  t.same(one(it.push([id('a')])), { type: 'text', index: 0, text: 'a', tokens: [0] })
  t.same(one(it.push([id('b'), id(' c')])), { type: 'text', index: 0, text: 'b c', tokens: [1, 2] })
  t.equal(one(it.end()), undefined)
  t.same([it.text, it.tokens, it.stopped], ['ab c', [0, 1, 2], false])
})

t.test('half a character waits for the other half, or becomes U+FFFD at the end', async (t) => {
  const it = answer()
  t.equal(one(it.push([3])), undefined)
  t.same(one(it.push([4])), { type: 'text', index: 0, text: '😀', tokens: [3, 4] })
  t.equal(one(it.push([3])), undefined)
  t.same(one(it.end()), { type: 'text', index: 0, text: '\ufffd', tokens: [3] })
})

t.test('a stop token ends it: part of the tokens, not of the text, and nothing after it counts', async (t) => {
  const it = answer({ stopTokens: [id('b'), id('<end>')] })
  t.same(one(it.push([id('a'), id('b'), id('a')])), { type: 'text', index: 0, text: 'a', tokens: [0, 1] })
  t.equal(one(it.push([id('a')])), undefined)
  t.equal(one(it.end()), undefined)
  t.same([it.text, it.tokens, it.stopped], ['a', [0, 1], true])
})

t.test(
  'log-probabilities go where their tokens go, also when those wait, and none is left of what is cut',
  async (t) => {
    const it = new Answer(tableOf(pieces), {
      stopWords: ['stop'],
      stopTokens: new Set([id('<end>')]),
      skipSpecialTokens: true,
      continuation: false,
      logprobs: true,
    })
    const tokens = [id('a'), id('st'), 3, 4, id('<tool>'), id('b'), id('stop'), id('a')]
    const parts = tokens.flatMap((token, i) => {
      const found = { ofPrompt: false, values: [-i], topTokens: Int32Array.of(token, -1), topValues: [-i, -Infinity] }
      return it.push([token], found)
    })
    t.same(
      parts.map((part) => part.logprobs?.map(({ token, logprob }) => [token, logprob])),
      [
        [[id('a'), 0]],
        [
          [id('st'), -1],
          [3, -2],
          [4, -3],
        ],
        [
          [id('<tool>'), -4],
          [id('b'), -5],
        ],
      ],
    )
    const rest = one(it.end())
    t.same([rest?.text, rest?.tokens], ['', [id('stop')]])
    t.same(
      it.logprobs?.map(({ token }) => token),
      it.tokens,
    )
    t.same(it.logprobs?.at(-1), {
      token: id('stop'),
      text: 'stop',
      bytes: [...Buffer.from('stop')],
      logprob: -6,
      topLogprobs: [{ token: id('stop'), text: 'stop', bytes: [...Buffer.from('stop')], logprob: -6 }],
    })
    t.equal(it.stoppedBy, 'stop')
    const plain = answer()
    t.same(one(plain.push([id('a')])), { type: 'text', index: 0, text: 'a', tokens: [0] })
    t.equal(plain.logprobs, undefined)
  },
)

t.test('special tokens are left out, or kept when asked', async (t) => {
  const it = answer()
  t.equal(one(it.push([id('<tool>')])), undefined)
  t.same(one(it.push([id('a')])), { type: 'text', index: 0, text: 'a', tokens: [6, 0] })
  const kept = answer({ skipSpecialTokens: false })
  t.equal(one(kept.push([id('<tool>')]))?.text, '<tool>')
  t.equal(one(kept.push([id('<end>')])), undefined, 'a stop token never shows')
})

t.test('a stop word never leaks, whatever the cut', async (t) => {
  for (const tokens of [
    [id('a'), id('stop'), id('a')],
    [id('a'), id('st'), id('b'), id('st'), id('stop'), id('b')],
  ]) {
    const it = answer({ stopWords: ['stop'] })
    const parts = tokens.map((token) => one(it.push([token]))?.text ?? '')
    t.notMatch(parts.join(''), /sto/)
    t.equal(it.stopped, true)
    t.equal(one(it.end())?.text ?? '', '')
    t.equal(it.tokens.at(-1), id('stop'), 'the token that completes the word is the last')
  }
})

t.test('what only began like a stop word comes out at the end', async (t) => {
  const it = answer({ stopWords: ['stop it'] })
  t.equal(one(it.push([id('a'), id('stop')]))?.text, 'a')
  t.same(one(it.end()), { type: 'text', index: 0, text: 'stop', tokens: [8] })
  t.same([it.text, it.tokens, it.stopped], ['astop', [0, 8], false])
})

t.test('a match that waited for an earlier one ends the tokens, also behind a stop token', async (t) => {
  const it = answer({ stopWords: ['ab c!', 'b c'] })
  t.equal(one(it.push([id('a'), id('b'), id(' c'), id('<end>')])), undefined)
  t.same(one(it.end()), { type: 'text', index: 0, text: 'a', tokens: [0, 1, 2] })
})

t.test('a stop word across special tokens', async (t) => {
  const it = answer({ stopWords: ['<tool>\n'] })
  t.equal(one(it.push([id('a'), id('<tool>')]))?.text, 'a')
  t.equal(one(it.push([id('\n')])), undefined)
  t.equal(it.stopped, true)
  t.equal(it.text, 'a')
})

t.test('tokens beyond the tokenizer have no text', async (t) => {
  const it = answer()
  t.equal(one(it.push([1000])), undefined)
  t.same(one(it.push([id('a')])), { type: 'text', index: 0, text: 'a', tokens: [1000, 0] })
})

t.test('parts put together are the whole, for random streams, stop words and cuts', async (t) => {
  let state = 7
  const random = (n: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * n)
  }
  for (let round = 0; round < 500; round++) {
    const stopWords = random(2) === 0 ? [] : [['stop', 'b c', 'ab', 'aab\n', 'ststop'][random(5)] as string]
    const tokens = Array.from({ length: 12 }, () => random(pieces.length))
    const it = answer({ stopWords, stopTokens: [] })
    const parts = []
    for (let i = 0; i < tokens.length; ) {
      const count = 1 + random(3)
      const part = one(it.push(tokens.slice(i, i + count)))
      if (part) parts.push(part)
      i += count
    }
    const last = one(it.end())
    if (last) parts.push(last)
    const whole = answer({ stopTokens: [], skipSpecialTokens: true })
    whole.push(tokens)
    whole.end()
    const at = stopWords[0] === undefined ? -1 : indexWithSpecials(tokens, stopWords[0])
    t.equal(parts.map(({ text }) => text).join(''), it.text)
    t.same(
      parts.flatMap((part) => part.tokens),
      it.tokens,
    )
    t.equal(it.stopped, at >= 0, JSON.stringify([tokens, stopWords]))
    t.ok(whole.text.startsWith(it.text))
    if (at < 0) t.same([it.text, it.tokens], [whole.text, tokens])
  }

  /** Where a word is in the text that still has its special tokens. */
  function indexWithSpecials(tokens: number[], word: string): number {
    const all = answer({ stopTokens: [], skipSpecialTokens: false })
    all.push(tokens)
    all.end()
    return all.text.indexOf(word)
  }
})
