import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { FilterContext, FilterResult, TextFilter } from '#lib/options/filter.js'
import { FilteredAnswer } from '#lib/output/filtered-answer.js'
import type { AnswerPart } from '#lib/output/parts.js'

const part = (text: string, ...tokens: number[]): AnswerPart => ({ type: 'text', index: 0, text, tokens })

/** What came out of a filter that was given one part after the other. */
async function filtered(filter: TextFilter, ...parts: AnswerPart[]) {
  const out: AnswerPart[] = []
  const about = { requestId: 'r', index: 0, signal: new AbortController().signal }
  const answer = new FilteredAnswer(filter, about, (one) => out.push(one))
  for (const one of parts) await answer.push(one)
  await answer.end()
  t.equal(out.map(({ text }) => text).join(''), answer.text)
  t.same(
    out.flatMap(({ tokens }) => tokens),
    answer.tokens,
  )
  return { answer, out: out.map(({ text, tokens }) => [text, tokens]) }
}

t.test('nothing, an empty object and the text itself let it through', async (t) => {
  const filters: TextFilter[] = [() => {}, async () => {}, () => ({}), (text) => text, async (text) => ({ text })]
  for (const filter of filters) {
    const { out, answer } = await filtered(filter, part('ab', 1, 2), part('c', 3), part('', 4))
    t.same(out, [
      ['ab', [1, 2]],
      ['c', [3]],
      ['', [4]],
    ])
    t.match(answer, { text: 'abc', stopped: false, done: true })
  }
})

t.test('a text replaces; tokens stay those of the model', async (t) => {
  const { out } = await filtered((text) => text.replaceAll('b', '***'), part('ab', 1), part('bb', 2), part('c', 3))
  t.same(out, [
    ['a***', [1]],
    ['******', [2]],
    ['c', [3]],
  ])
  const silent = await filtered((_, { done }) => (done ? 'end' : ''), part('ab', 1), part('c', 2))
  t.same(silent.out, [['end', [1, 2]]], 'tokens of text that was taken away go with the next text')
})

t.test('what is held back comes again, and at the end nothing is', async (t) => {
  const seen: [string, string, boolean][] = []
  const { out } = await filtered(
    (text, { before, done }) => {
      seen.push([text, before, done])
      return { hold: 2 }
    },
    part('abc', 1),
    part('d', 2),
    part('e', 3),
  )
  t.same(seen, [
    ['abc', '', false],
    ['bcd', 'a', false],
    ['cde', 'ab', false],
    ['de', 'abc', true],
  ])
  t.same(out, [
    ['a', []],
    ['b', []],
    ['c', [1]],
    ['de', [2, 3]],
  ])

  const word = await filtered(
    // Holds back while the word may still be going on.
    (text) => ({ text: text.replace(/secret/g, '[x]').replace(/[a-z]*$/, ''), hold: /[a-z]*$/.exec(text)?.[0].length }),
    part('a sec', 1),
    part('ret b', 2),
    part('ye ', 3),
  )
  t.equal(word.answer.text, 'a [x] bye ')
  const all = await filtered(
    (text, { done }) => (done ? text : { hold: Number.POSITIVE_INFINITY }),
    part('a'),
    part('b'),
  )
  t.same(all.out, [['ab', []]])
})

t.test('log-probabilities go with their tokens', async (t) => {
  const scored = (text: string, token: number): AnswerPart => {
    const logprobs = [{ token, logprob: -token }] as NonNullable<AnswerPart['logprobs']>
    return { ...part(text, token), logprobs }
  }
  const out: AnswerPart[] = []
  const about = { requestId: 'r', index: 0, signal: new AbortController().signal }
  const it = new FilteredAnswer(
    (text) => (text.includes('c') ? { stop: true } : { hold: 1 }),
    about,
    (one) => out.push(one),
  )
  await it.push(scored('ab', 1))
  await it.push(scored('b', 2))
  await it.push(scored('c', 3))
  t.match(out, [
    { text: 'a', tokens: [], logprobs: [] },
    { text: 'b', tokens: [1], logprobs: [{ logprob: -1 }] },
  ])
  t.match([it.tokens, it.logprobs], [[1], [{ token: 1 }]])
})

t.test('holding back parts no character', async (t) => {
  const { out } = await filtered(() => ({ hold: 1 }), part('a😀', 1), part('b', 2))
  t.same(out, [
    ['a', []],
    ['😀', [1]],
    ['b', [2]],
  ])
})

t.test('a stop ends the answer: what comes later is neither filtered nor handed out', async (t) => {
  let calls = 0
  const stops: TextFilter = (text) => {
    calls++
    return text.includes('b') ? { stop: true } : undefined
  }
  const { out, answer } = await filtered(stops, part('a', 1), part('xb', 2), part('c', 3))
  t.same(out, [['a', [1]]])
  t.match(answer, { stopped: true, done: false, tokens: [1] })
  t.equal(calls, 2)

  const instead = await filtered(
    (_, { before }) => (before ? { stop: true, text: '[removed]' } : {}),
    part('a', 1),
    part('b', 2),
  )
  t.same(instead.out, [
    ['a', [1]],
    ['[removed]', []],
  ])
})

t.test('one call at a time, with all that has come meanwhile', async (t) => {
  const calls: { text: string; context: FilterContext; answer: (result: FilterResult) => void }[] = []
  const filter: TextFilter = (text, context) =>
    new Promise((resolve) => {
      calls.push({ text, context, answer: resolve })
    })
  const out: string[] = []
  const about = { requestId: 'r', index: 3, signal: new AbortController().signal }
  const it = new FilteredAnswer(filter, about, ({ text }) => out.push(text))
  const first = it.push(part('a', 1))
  it.push(part('b', 2))
  it.push(part('c', 3))
  const end = it.end()
  await turn()
  t.equal(calls.length, 1)
  t.match(calls[0], { text: 'a', context: { requestId: 'r', index: 3, before: '', done: false } })
  calls[0]?.answer({})
  await turn()
  t.match(calls[1], { text: 'bc', context: { before: 'a', done: true } })
  calls[1]?.answer('B')
  await Promise.all([first, end])
  t.same([calls.length, out, it.tokens], [2, ['a', 'B'], [1, 2, 3]])
})

t.test('failures', async (t) => {
  const cause = new Error('no network')
  const throwing: TextFilter[] = [
    () => {
      throw cause
    },
    () => Promise.reject(cause),
  ]
  for (const filter of throwing)
    await t.rejects(filtered(filter, part('a')), { code: 'ERR_FILTER', message: /no network/, cause })
  const wrong = [
    null,
    5,
    true,
    [],
    { txt: 'a' },
    { text: 5 },
    { hold: -1 },
    { hold: 1.5 },
    { hold: '1' },
    { stop: 'yes' },
  ]
  for (const result of wrong)
    await t.rejects(filtered((() => result) as never, part('a')), { name: 'TypeError', message: /expected|unknown/ })
  const about = { requestId: 'r', index: 0, signal: new AbortController().signal }
  const full = new FilteredAnswer(
    () => {},
    about,
    () => {
      throw cause
    },
  )
  await t.rejects(full.push(part('a')), cause, 'what takes the parts fails as itself')
})

t.test('nobody waits for a filter when the signal has aborted, and its answer counts no more', async (t) => {
  const abort = new AbortController()
  let answer: (result: FilterResult) => void = () => {}
  const out: unknown[] = []
  const it = new FilteredAnswer(
    () =>
      new Promise((resolve) => {
        answer = resolve
      }),
    { requestId: 'r', index: 0, signal: abort.signal },
    (one) => out.push(one),
  )
  const pushed = it.push(part('a', 1))
  const end = it.end()
  abort.abort()
  await Promise.all([pushed, end])
  answer('late')
  await turn()
  t.same([out, it.text, it.done], [[], '', false])
})
