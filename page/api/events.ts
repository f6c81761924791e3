/** Characters of one event beyond which a stream is not a server's that means well. */
const longestEvent = 8 << 20

/**
 * The data of server-sent events, one by one. Comments, names and ids are left out.
 * @throws Error for an event that is too long
 */
export async function* eventData(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  try {
    for (;;) {
      const { value, done } = await reader.read()
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true })
      if (rest.length > longestEvent) throw new Error('the server sent an event that is too long')
      // A carriage return at the end may be half of a line's end.
      const lines = rest.split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() as string
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) yield data.join('\n')
          data = []
        } else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
      }
      // An event without the empty line after it was cut off.
      if (done) return
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
