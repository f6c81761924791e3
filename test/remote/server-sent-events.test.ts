import fc from 'fast-check'
import t from 'tap'
import { EventReader, type ServerSentEvent } from '#lib/remote/server-sent-events.js'

function read(text: string, cuts: readonly number[] = []): ServerSentEvent[] {
  const bytes = Buffer.from(text)
  const reader = new EventReader(1000)
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let begin = 0
  return ends.flatMap((end) => {
    const piece = bytes.subarray(begin, end)
    begin = end
    return reader.push(piece)
  })
}

t.test('events as the standard defines them', async (t) => {
  const cases: [string, ServerSentEvent[]][] = [
    ['data: a\n\n', [{ name: '', data: 'a' }]],
    ['data:a\r\n\r\ndata: b\r\rdata: c\n\n', [...'abc'].map((data) => ({ name: '', data }))],
    ['\uFEFFevent: error\ndata: {}\n\n', [{ name: 'error', data: '{}' }]],
    [': still computing\n\ndata: a\ndata:  b\ndata\n\n', [{ name: '', data: 'a\n b\n' }]],
    ['id: 5\nretry: 10\nwhatever: x\ndata: a\n\n', [{ name: '', data: 'a' }]],
    ['event: lonely\n\ndata: a\n\n', [{ name: '', data: 'a' }]],
    ['data: a\n\ndata: cut', [{ name: '', data: 'a' }]],
    [
      'data: a\n\n{"error": "bare"}\n',
      [
        { name: '', data: 'a' },
        { name: '', data: '{"error": "bare"}' },
      ],
    ],
  ]
  for (const [text, events] of cases) t.same(read(text), events, JSON.stringify(text))
})

t.test('where the bytes are cut changes nothing', async (t) => {
  const lines = 'event: é\r\ndata: a\r\ndata: 😀\r\n\r\n: x\r\rdata: b\r\n\r\n.'
  const whole = read(lines)
  t.same(whole, [
    { name: 'é', data: 'a\n😀' },
    { name: '', data: 'b' },
  ])
  for (let cut = 0; cut < Buffer.byteLength(lines); cut++) t.same(read(lines, [cut]), whole, `at ${cut}`)
  const pieces = fc.constantFrom(
    'data: ',
    'event: x',
    ':',
    'ä',
    '😀',
    ' ',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    'a',
    '{',
    'data',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), fc.array(fc.nat(200), { maxLength: 8 }), (parts, cuts) => {
      // A CR at the very end waits for what may follow it, so the text ends with something else.
      const text = `${parts.join('')}a`
      return JSON.stringify(read(text, cuts)) === JSON.stringify(read(text))
    }),
  )
  t.pass('for all')
})

t.test('an event that is too long is refused, in one line or many', async (t) => {
  t.throws(() => read(`data: ${'x'.repeat(2000)}`), { name: 'RangeError', message: /1000/ })
  t.throws(() => read('data: xxxxxxxxx\n'.repeat(200)), { name: 'RangeError' })
  t.equal(read('data: xxxxxxxxx\n\n'.repeat(200)).length, 200)
})
