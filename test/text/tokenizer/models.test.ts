import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { LLMError } from '#lib/errors.js'
import { Detokenizer } from '#lib/output/detokenizer.js'
import { Tokenizer } from '#lib/text/tokenizer/tokenizer.js'
import { modelVectors } from '../sources.js'

const plain = { addSpecialTokens: false, splitSpecialTokens: false }
/** The library writes one U+FFFD for each byte token of a character that is not complete; a stream writes one. */
const withOneMark = (text: string): string => text.replace(/\ufffd+/g, '\ufffd')
const { texts, tokenizers } = modelVectors()

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    return (error as LLMError).code
  }
  return undefined
}

for (const { name, tokenizer, rows, cleaned } of tokenizers) {
  t.test(`${name}: ${rows.length} texts as the tokenizers library`, async (t) => {
    const path = join(t.testdir(), 'tokenizer.json')
    writeFileSync(path, JSON.stringify(tokenizer))
    const ours = new Tokenizer(path, {})
    const table = ours.table()
    /** Token by token, as an answer comes. */
    const decode = (ids: readonly number[], skipSpecialTokens: boolean, used = table): string => {
      const detokenizer = new Detokenizer(used, { continuation: false, skipSpecialTokens })
      return [...ids.flatMap((id) => detokenizer.push([id])), ...detokenizer.end()]
        .map(({ text, special }) => (special && skipSpecialTokens ? '' : text))
        .join('')
    }
    t.equal(rows.length, texts.length)
    const cleaning = cleaned && new Tokenizer(path, { clean_up_tokenization_spaces: true }).table()
    // One assertion for all texts: ten thousands of them would take longer than what they check.
    const wrong: unknown[] = []
    const compare = (what: string, text: string, found: unknown, wanted: unknown): void => {
      if (!isDeepStrictEqual(found, wanted)) wrong.push({ what, text, found, wanted })
    }
    for (const [i, row] of rows.entries()) {
      const text = texts[i]!
      if (row.length === 0) {
        compare(
          'error',
          text,
          codeOf(() => ours.encode(text, plain)),
          'ERR_TOKENIZER_INVALID',
        )
        continue
      }
      const bare = row[0] as number[]
      const full = Array.isArray(row[1]) ? row[1] : bare
      const [skipped = '', whole = skipped] = row.filter((value) => typeof value === 'string')
      compare('ids', text, ours.encode(text, plain), bare)
      compare('ids with special tokens', text, ours.encode(text, { ...plain, addSpecialTokens: true }), full)
      compare('text', text, withOneMark(decode(bare, true)), withOneMark(skipped))
      compare('text with special tokens', text, withOneMark(decode(bare, false)), withOneMark(whole))
      if (cleaning) compare('cleaned', text, withOneMark(decode(bare, true, cleaning)), withOneMark(cleaned![i]!))
    }
    t.same(wrong.slice(0, 5), [])
  })
}
