import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Detokenizer } from '#lib/output/detokenizer.js'
import type { Segment } from '#lib/output/stage.js'
import type { TokenTable } from '#lib/text/tokenizer/token-table.js'
import { Tokenizer } from '#lib/text/tokenizer/tokenizer.js'
import { seeded, tokenizerVectors } from '../text/sources.js'

/** A table of the given tokens; strings, or lists of bytes. */
function tableOf(
  tokens: (string | number[])[],
  options: { special?: number[]; added?: number[]; strip?: boolean } = {},
): TokenTable {
  const pieces = tokens.map((token) => Buffer.from(token as string))
  const offsets = new Uint32Array(tokens.length + 1)
  for (const [i, piece] of pieces.entries()) offsets[i + 1] = offsets[i]! + piece.length
  const flags = (ids: number[] = []): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(tokens, (_, i) => Number(ids.includes(i)))
  return {
    bytes: new Uint8Array(Buffer.concat(pieces)),
    offsets,
    special: flags(options.special),
    added: flags([...(options.added ?? []), ...(options.special ?? [])]),
    size: tokens.length,
    absent: [],
    stripLeadingSpace: options.strip === true,
    stripTrailingSpace: false,
    first: null,
    cleanUpSpaces: false,
  }
}

/** Neighbouring segments of a kind as one. */
function joined(segments: readonly Segment[]): Segment[] {
  const result: Segment[] = []
  for (const segment of segments) {
    const last = result.at(-1)
    if (last !== undefined && !last.special && !segment.special) last.text += segment.text
    else result.push({ ...segment })
  }
  return result
}

function decode(table: TokenTable, parts: readonly (readonly number[])[], continuation = false): Segment[] {
  const detokenizer = new Detokenizer(table, { continuation, skipSpecialTokens: true })
  return joined([...parts.flatMap((part) => detokenizer.push(part)), ...detokenizer.end()])
}

t.test('every pair of cuts gives the whole', async (t) => {
  for (const { name, tokenizer, rows } of tokenizerVectors) {
    const path = join(t.testdir({}), 'tokenizer.json')
    writeFileSync(path, JSON.stringify(tokenizer))
    const table = new Tokenizer(path, {}).table()
    let wrong = 0
    for (const [, , ids] of rows) {
      const whole = JSON.stringify(decode(table, [ids]))
      for (let a = 0; a <= ids.length; a++) {
        for (let b = a; b <= ids.length; b++) {
          if (JSON.stringify(decode(table, [ids.slice(0, a), ids.slice(a, b), ids.slice(b)])) !== whole) wrong++
        }
      }
    }
    t.equal(wrong, 0, name)
  }
})

t.test('any bytes in any pieces are decoded as at once', async (t) => {
  const random = seeded(7)
  // Bytes that begin, continue and break characters.
  const bytes = [
    0x20, 0x61, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xbb, 0xf0,
    0xf1, 0xf4, 0xf5, 0xff,
  ]
  const table = tableOf(bytes.map((byte) => [byte]))
  for (let round = 0; round < 3000; round++) {
    const ids = Array.from({ length: 1 + random(12) }, () => random(bytes.length))
    const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(ids, (id) => bytes[id]!))
    const cut = random(ids.length + 1)
    const text = decode(table, [ids.slice(0, cut), ...ids.slice(cut).map((id) => [id])])
      .map((s) => s.text)
      .join('')
    if (text !== whole) t.equal(text, whole, ids.map((id) => bytes[id]!.toString(16)).join(' '))
  }
  t.pass('3,000 rounds')
})

t.test('a character is out as soon as it is complete, and not before', async (t) => {
  const table = tableOf([[0xf0], [0x9f], [0xa6], [0x99], 'a'])
  const detokenizer = new Detokenizer(table, { continuation: false, skipSpecialTokens: true })
  t.same(
    [0, 1, 2].flatMap((id) => detokenizer.push([id])),
    [],
  )
  t.same(detokenizer.push([3]), [{ text: '🦙', special: false }])
  t.same(detokenizer.push([0, 4]), [{ text: '\ufffda', special: false }])
  t.same(detokenizer.push([0, 1]), [])
  t.same(detokenizer.end(), [{ text: '\ufffd', special: false }])
  t.same(detokenizer.end(), [])
  t.same(detokenizer.push(Int32Array.of(4)), [{ text: 'a', special: false }])
})

t.test('only bytes that can still become a character are held back', async (t) => {
  const bytes = [0x61, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xe0, 0xe1, 0xed, 0xf0, 0xf1, 0xf4, 0xf5]
  const table = tableOf(bytes.map((byte) => [byte]))
  const all = (n: number): number[][] =>
    n === 0 ? [[]] : all(n - 1).flatMap((list) => bytes.map((_, id) => [...list, id]))
  const valid = (ids: number[]): boolean => {
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(ids, (id) => bytes[id]!))
      return [...text].length === 1
    } catch {
      return false
    }
  }
  const endings = [...all(1), ...all(2), ...all(3)]
  const characters = new Set(
    endings
      .concat(all(4).filter((ids) => ids[0]! >= 12))
      .filter(valid)
      .map(String),
  )
  // Everything that is a proper beginning of one character.
  const beginnings = new Set([...characters].flatMap((c) => c.split(',').map((_, i, list) => list.slice(0, i).join())))
  let wrong = 0
  for (const ids of endings) {
    const held =
      [1, 2, 3].find((n) => n <= ids.length && beginnings.has(ids.slice(-n).join()) && bytes[ids.at(-n)!]! > 0xbf) ?? 0
    const detokenizer = new Detokenizer(table, { continuation: false, skipSpecialTokens: true })
    detokenizer.push(ids)
    if (detokenizer.end().length > 0 !== held > 0) wrong++
  }
  t.ok(characters.size > 100)
  t.equal(wrong, 0)
})

t.test('added tokens end the text before them; special ones are marked', async (t) => {
  const table = tableOf([[0xc3], [0xa9], '<s>', '<tool>', 'x'], { special: [2], added: [3] })
  t.same(decode(table, [[0, 2, 1, 4]]), [
    { text: '\ufffd', special: false },
    { text: '<s>', special: true },
    { text: '\ufffdx', special: false },
  ])
  t.same(decode(table, [[0, 3, 1]]), [{ text: '\ufffd<tool>\ufffd', special: false }])
  t.same(decode(table, [[2, 2]]), [
    { text: '<s>', special: true },
    { text: '<s>', special: true },
  ])
})

t.test('a byte order mark is text', async (t) => {
  const table = tableOf(['\ufeff', 'a', [0xef], [0xbb], [0xbf]])
  t.same(decode(table, [[0, 1, 0]]), [{ text: '\ufeffa\ufeff', special: false }])
  t.same(decode(table, [[2], [3], [4], [1]]), [{ text: '\ufeffa', special: false }])
})

t.test('one leading space is dropped at the very start only', async (t) => {
  const table = tableOf([' a', '  b', '<s>', '', ' '], { special: [2], strip: true })
  const text = (ids: number[], continuation = false): string =>
    decode(table, [ids], continuation)
      .flatMap((s) => (s.special ? [] : [s.text]))
      .join('')
  t.equal(text([0, 0]), 'a a')
  t.equal(text([1]), ' b')
  t.equal(text([2, 0, 0]), 'a a')
  t.equal(text([3, 4, 4, 0]), '  a')
  t.equal(text([0, 0], true), ' a a')
})

t.test('ids outside the table', async (t) => {
  const detokenizer = new Detokenizer(tableOf(['a', 'b']), { continuation: false, skipSpecialTokens: true })
  for (const id of [2, -1, 0.5, Number.NaN])
    t.throws(() => detokenizer.push([0, id]), {
      code: 'ERR_TOKEN_ID',
      message: `expected a token id in 0…1, found ${id}`,
    })
  t.same(detokenizer.push([1]), [{ text: 'b', special: false }], 'nothing of the failed calls is left')
})
