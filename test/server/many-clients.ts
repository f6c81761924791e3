import type t from 'tap'
import type { LLM } from '#lib/index.js'

type Tests = Pick<typeof t, 'same' | 'equal' | 'match'>

/** Many clients at once, of which some leave in the middle of an answer: the others get theirs, each its own. */
export async function manyClients(
  t: Tests,
  llm: LLM,
  url: string,
  { clients, each }: { clients: number; each: number },
): Promise<void> {
  const prompts = Array.from({ length: 8 }, (_, i) => ({ tokens: [10 + i, 20 + 2 * i, 30 + 3 * i] }))
  const expected = await Promise.all(
    prompts.map(
      async (prompt) => (await llm.generate(prompt, { maxNewTokens: 12, temperature: 0, ignoreEos: true })).text,
    ),
  )
  const wrong: string[] = []
  let answered = 0
  const client = async (number: number) => {
    for (let i = 0; i < each; i++) {
      const at = (number + i) % prompts.length
      const leaves = (number + i) % 3 === 0
      const stream = (number + i) % 2 === 0
      const abort = new AbortController()
      const response = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        signal: abort.signal,
        body: JSON.stringify({
          prompt: prompts[at]?.tokens,
          max_tokens: leaves ? 200 : 12,
          temperature: 0,
          ignore_eos: true,
          stream: stream || leaves,
        }),
      })
      if (leaves) {
        const reader = (response.body as ReadableStream<Uint8Array>).getReader()
        await reader.read()
        abort.abort()
        continue
      }
      const text = stream ? textOfEvents(await response.text()) : textOfChoices(await response.json())
      answered++
      if (text !== expected[at]) wrong.push(`${number}.${i}: ${text}`)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)))
  t.same(wrong, [])
  t.equal(answered, clients * each - leaving(clients, each))
}

/** An answer that is cancelled ends at once for its caller, and in the engine before a later request is answered. */
export async function nothingRuns(t: Tests, llm: LLM): Promise<void> {
  await llm.generate({ tokens: [1] }, { maxNewTokens: 1 })
  t.match(llm.metrics(), { activeRequests: 0, running: 0, waiting: 0 })
}

/** Requests of {@link manyClients} that leave. */
function leaving(clients: number, each: number): number {
  const all = Array.from({ length: clients * each }, (_, i) => Math.floor(i / each) + (i % each))
  return all.filter((sum) => sum % 3 === 0).length
}

function textOfChoices(body: unknown): string {
  return (body as { choices: { text: string }[] }).choices[0]?.text ?? ''
}

function textOfEvents(events: string): string {
  return events
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => textOfChoices(JSON.parse(event.slice(6))))
    .join('')
}
