import t from 'tap'
import { eventData } from '#page/api/events.js'

const stream = (...parts: Uint8Array[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

async function read(...parts: Uint8Array[]): Promise<string[]> {
  const found: string[] = []
  for await (const data of eventData(stream(...parts))) found.push(data)
  return found
}

t.test('events are the same wherever the bytes are cut', async (t) => {
  const text =
    'data: {"a":"λ😀"}\n\n: still computing\n\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\ndata: [DONE]\n\ndata: cut off'
  const all = bytes(text)
  const expected = ['{"a":"λ😀"}', 'two\nlines', '[DONE]']
  t.same(await read(all), expected)
  t.same(await read(...Array.from(all, (byte) => Uint8Array.of(byte))), expected)
  for (let at = 0; at <= all.length; at++) t.same(await read(all.slice(0, at), all.slice(at)), expected)
})

t.test('a line without an end is refused', async (t) => {
  const megabyte = bytes('x'.repeat(1 << 20))
  await t.rejects(read(bytes('data: '), ...Array(9).fill(megabyte)), /too long/)
})

t.test('who stops reading ends the stream', async (t) => {
  let cancelled = false
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytes('data: x\n\n')),
    cancel: () => {
      cancelled = true
    },
  })
  for await (const data of eventData(endless)) {
    t.equal(data, 'x')
    break
  }
  t.ok(cancelled)
})
