import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { Detokenizer } from '#lib/output/detokenizer.js'
import { Tokenizer } from '#lib/text/tokenizer/tokenizer.js'
import { modelVectors } from '../sources.js'

const plain = { addSpecialTokens: false, splitSpecialTokens: false }
/** The library writes one U+FFFD for each byte token of a character that is not complete; a stream writes one. */
const withOneMark = (text: string): string => text.replace(/\ufffd+/g, '\ufffd')
const { texts, tokenizers } = modelVectors()

for (const { name, tokenizer, rows } of tokenizers) {
  t.test(`${name}: ${rows.length} texts as the tokenizers library`, async (t) => {
    const path = join(t.testdir(), 'tokenizer.json')
    writeFileSync(path, JSON.stringify(tokenizer))
    const ours = new Tokenizer(path, {})
    const table = ours.table()
    /** Token by token, as an answer comes. */
    const decode = (ids: readonly number[], skipSpecialTokens: boolean): string => {
      const detokenizer = new Detokenizer(table, { continuation: false, skipSpecialTokens })
      return [...ids.flatMap((id) => detokenizer.push([id])), ...detokenizer.end()]
        .map(({ text, special }) => (special && skipSpecialTokens ? '' : text))
        .join('')
    }
    t.equal(rows.length, texts.length)
    // One assertion for all texts: ten thousands of them would take longer than what they check.
    const wrong: unknown[] = []
    const compare = (what: string, text: string, found: unknown, wanted: unknown): void => {
      if (!isDeepStrictEqual(found, wanted)) wrong.push({ what, text, found, wanted })
    }
    for (const [i, row] of rows.entries()) {
      const text = texts[i]!
      const bare = row[0] as number[]
      const full = Array.isArray(row[1]) ? row[1] : bare
      const [skipped = '', whole = skipped] = row.filter((value) => typeof value === 'string')
      compare('ids', text, ours.encode(text, plain), bare)
      compare('ids with special tokens', text, ours.encode(text, { ...plain, addSpecialTokens: true }), full)
      compare('text', text, withOneMark(decode(bare, true)), withOneMark(skipped))
      compare('text with special tokens', text, withOneMark(decode(bare, false)), withOneMark(whole))
    }
    t.same(wrong.slice(0, 5), [])
  })
}
