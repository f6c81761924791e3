import t from 'tap'
import { createTokenTable } from '#lib/text/tokenizer/create-token-table.js'
import { type TokenBytes, tokenText } from '#lib/text/tokenizer/token-table.js'

const added = (id: number, content: string, special: boolean) => {
  return { id, content, special, singleWord: false, lstrip: false, rstrip: false, normalized: false }
}
const all = ({ bytes, offsets }: TokenBytes) =>
  Array.from({ length: offsets.length - 1 }, (_, id) =>
    Buffer.from(bytes.subarray(offsets[id], offsets[id + 1])).toString('latin1'),
  )

t.test('a table has the bytes of every id: of added tokens, of gaps, of what is in no alphabet', async (t) => {
  const tokens: (string | undefined)[] = ['Ġa', undefined, 'Ã©', '€Ġ', 'Ġb']
  const table = createTokenTable(
    tokens,
    [added(4, '<Ġ>', true), added(6, 'é', false)],
    { type: 'ByteLevel' },
    false,
    'decoder',
  )
  // The euro sign is no byte of the alphabet, so that token is its own UTF-8.
  const utf8 = (text: string) => Buffer.from(text).toString('latin1')
  t.same(all(table), [' a', '', utf8('é'), utf8('€Ġ'), utf8('<Ġ>'), '', utf8('é')])
  t.same([table.size, table.absent, table.first], [7, [1, 5], null])
  t.same([...table.special], [0, 0, 0, 0, 1, 0, 0])
  t.same([...table.added], [0, 0, 0, 0, 1, 0, 1])
  t.equal(tokenText(table, 2), 'é')
})

t.test('a table grows with long tokens, and knows what tokens are at the beginning of a text', async (t) => {
  const long = '▁'.repeat(5000)
  const decoder = { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Metaspace', replacement: '▁' }] }
  const table = createTokenTable([long, '<0xFF>', 'ё'.repeat(3000)], [], decoder, false, 'decoder')
  t.same(all(table), [' '.repeat(5000), '\xff', Buffer.from('ё'.repeat(3000)).toString('latin1')])
  t.equal(table.first && all(table.first)[0], '')
  t.same(table.absent, [])
  t.equal(table.bytes.byteLength, table.bytes.buffer.byteLength, 'a buffer of its own, which is handed over')
})
