import t from 'tap'
import type { Segment } from '#lib/output/stage.js'
import { StopWords } from '#lib/output/stop-words.js'
import { seeded } from '../text/sources.js'

const plain = (text: string): Segment => ({ text, special: false })
const textOf = (segments: readonly Segment[]): string => segments.map((segment) => segment.text).join('')

/** The first word to start, and of those the shortest. */
function expected(text: string, words: readonly string[]): { start: number; word: string } | undefined {
  let best: { start: number; word: string } | undefined
  for (const word of words) {
    const start = text.indexOf(word)
    if (
      start >= 0 &&
      (best === undefined || start < best.start || (start === best.start && word.length < best.word.length))
    )
      best = { start, word }
  }
  return best
}

t.test('random streams against a brute-force model', async (t) => {
  const random = seeded(11)
  const letters = 'aab'
  const string = (length: number): string => Array.from({ length }, () => letters[random(3)]).join('')
  let stops = 0
  for (let round = 0; round < 20_000; round++) {
    const words = Array.from({ length: 1 + random(3) }, () => string(1 + random(5)))
    const text = string(random(14))
    const stop = new StopWords(words)
    let out = ''
    let at = 0
    let stopped = false
    const problem = (what: string): void => void t.fail(what, { words, text, out })
    while (at < text.length && !stopped) {
      const length = 1 + random(3)
      out += textOf(stop.push([plain(text.slice(at, at + length))]))
      at = Math.min(text.length, at + length)
      stopped = stop.match !== undefined
      const seen = text.slice(0, at)
      const found = expected(seen, words)
      if (!seen.startsWith(out)) problem('text was changed')
      if (found !== undefined && out.length > found.start) problem('a stop word leaked')
      if (found !== undefined || stopped) continue
      // Held back: the longest suffix that begins a word, and no more.
      let longest = 0
      for (let n = 1; n <= seen.length; n++) if (words.some((word) => word.startsWith(seen.slice(-n)))) longest = n
      if (seen.length - out.length !== longest) problem(`held back ${seen.length - out.length} instead of ${longest}`)
    }
    out += textOf(stopped ? stop.push([]) : stop.end())
    const found = expected(text, words)
    if ((stop.match !== undefined) !== (found !== undefined)) problem('stopped or not')
    if (out !== (found === undefined ? text : text.slice(0, found.start))) problem('the text at the end')
    if (
      found !== undefined &&
      (stop.match?.start !== found.start ||
        stop.match.word !== found.word ||
        stop.match.end !== found.start + found.word.length)
    )
      problem('the match')
    if (found !== undefined) stops++
  }
  t.ok(stops > 5000 && stops < 19_000, `${stops} of 20,000 streams stop`)
})

t.test('special tokens are text like any other', async (t) => {
  const stop = new StopWords(['<end>', 'x<'])
  t.same(stop.push([plain('ab'), { text: '<e', special: true }]), [plain('ab')])
  t.equal(stop.match, undefined)
  t.same(stop.push([{ text: 'nd>', special: true }, plain('more')]), [])
  t.same(stop.match, { word: '<end>', start: 2, end: 7 })
  t.same(stop.push([plain('late')]), [])
  t.same(stop.match, { word: '<end>', start: 2, end: 7 })
})

t.test('segments stay apart', async (t) => {
  const stop = new StopWords(['zz'])
  t.same(stop.push([plain('a'), { text: '<s>', special: true }, plain(''), plain('bz')]), [
    plain('a'),
    { text: '<s>', special: true },
    plain('b'),
  ])
  t.same([stop.end(), stop.match], [[plain('z')], undefined])
})

t.test('a match waits only while an earlier start is possible', async (t) => {
  const stop = new StopWords(['abcd', 'bc'])
  t.same([stop.push([plain('xabc')]), stop.match], [[plain('x')], undefined])
  t.same([stop.push([plain('e')]), stop.match], [[plain('a')], { word: 'bc', start: 2, end: 4 }])
  const other = new StopWords(['abcd', 'bc'])
  other.push([plain('xabc')])
  t.same([other.end(), other.match], [[plain('a')], { word: 'bc', start: 2, end: 4 }])
})

t.test('no words: nothing is held', async (t) => {
  const stop = new StopWords([])
  t.same(stop.push([plain('abc')]), [plain('abc')])
  t.same([stop.end(), stop.match], [[], undefined])
})

t.test('words that are none', async (t) => {
  const bad: unknown[] = [[''], [1], ['a'.repeat(1025)], Array(65).fill('a'), 'abc', ['\ud83d']]
  for (const words of bad) t.throws(() => new StopWords(words as string[]), TypeError)
  t.doesNotThrow(() => new StopWords(Array.from({ length: 64 }, (_, i) => `${i}`.repeat(512).slice(0, 1024))))
})
