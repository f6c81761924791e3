import fc from 'fast-check'
import t from 'tap'
import { Answer } from '#lib/output/answer.js'
import type { AnswerPart } from '#lib/output/parts.js'
import { StopWords } from '#lib/output/stop-words.js'
import { tableOf } from '../generation/table.js'

// The same cases each time. A failure shows the smallest one that fails.
const fixed = { seed: 20, numRuns: 1000 }

/** Texts of few characters, so that words meet. Two of them have the same first half of a surrogate pair. */
const text = (maxLength: number, minLength = 0) =>
  fc.array(fc.constantFrom('a', 'b', 'é', '🦙', '🦞', '\n'), { minLength, maxLength }).map((parts) => parts.join(''))

/** The naive twin: the first word to start, and of those the shortest. */
function firstMatch(text: string, words: readonly string[]): { start: number; word: string } | undefined {
  return words
    .map((word) => ({ start: text.indexOf(word), word }))
    .filter(({ start }) => start >= 0)
    .sort((a, b) => a.start - b.start || a.word.length - b.word.length)[0]
}

t.test('stop words: what comes out is what comes before the first match, whatever the pieces', async (t) => {
  fc.assert(
    fc.property(fc.array(text(4, 1), { maxLength: 5 }), fc.array(text(5), { maxLength: 8 }), (words, pieces) => {
      const stop = new StopWords(words)
      let out = ''
      for (const piece of pieces) {
        if (stop.match) break
        out += stop
          .push([{ text: piece, special: false }])
          .map(({ text }) => text)
          .join('')
      }
      if (!stop.match)
        out += stop
          .end()
          .map(({ text }) => text)
          .join('')
      const whole = pieces.join('')
      const found = firstMatch(whole, words)
      return (
        out === whole.slice(0, found?.start) && stop.match?.word === found?.word && stop.match?.start === found?.start
      )
    }),
    fixed,
  )
  t.pass()
})

const pieces = [
  'a',
  'b',
  ' a',
  [0xc3],
  [0xa9],
  [0xf0, 0x9f],
  [0xa6, 0x99],
  [0xa6, 0x9e],
  '<end>',
  '<tool>',
  '\n',
  'ab',
  'ba',
]
const end = pieces.indexOf('<end>')

t.test(
  "an answer: all parts' texts and tokens together are those of the answer, however the tokens come",
  async (t) => {
    const tokens = fc.array(fc.nat(pieces.length), { maxLength: 30 })
    fc.assert(
      fc.property(
        tokens,
        fc.array(fc.nat(4), { maxLength: 30 }),
        fc.array(text(3, 1), { maxLength: 2 }),
        (tokens, cuts, stopWords) => {
          const options = { stopWords, stopTokens: new Set([end]), skipSpecialTokens: false, continuation: false }
          const whole = new Answer(tableOf(pieces), options)
          const wholeParts = [...whole.push(tokens), ...whole.end()]
          const piecewise = new Answer(tableOf(pieces), options)
          const parts: AnswerPart[] = []
          let at = 0
          for (const cut of [...cuts, tokens.length]) {
            parts.push(...piecewise.push(tokens.slice(at, at + cut)))
            at += cut
          }
          parts.push(...piecewise.end())
          const together = (all: typeof parts) => [
            all.map(({ text }) => text).join(''),
            all.flatMap(({ tokens }) => tokens),
          ]
          const expected = JSON.stringify([whole.text, whole.tokens])
          // Nothing comes after a stop token, and what came is the beginning of what was given.
          const last = tokens.indexOf(end)
          const most = last < 0 ? tokens : tokens.slice(0, last + 1)
          return (
            // No part ends within a character, which JavaScript would let be cut in two.
            parts.every(({ text }) => !/\p{Surrogate}/u.test(text)) &&
            JSON.stringify(together(parts)) === expected &&
            JSON.stringify(together(wholeParts)) === expected &&
            JSON.stringify([piecewise.text, piecewise.tokens]) === expected &&
            JSON.stringify(most.slice(0, whole.tokens.length)) === JSON.stringify(whole.tokens) &&
            firstMatch(whole.text, stopWords) === undefined
          )
        },
      ),
      fixed,
    )
    t.pass()
  },
)
