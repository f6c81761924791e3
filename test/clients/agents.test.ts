import t from 'tap'
import { OpenAI } from '../server/openai.js'
import { call, serveSaid } from '../server/said.js'
import { installed, skipWithoutClients } from './installed.js'

/** What is used of `@openai/agents`. */
interface Agents {
  Agent: new (options: object) => unknown
  Runner: new (options: object) => { run(agent: unknown, input: string, options?: object): Promise<Run> }
  tool(described: object): unknown
  OpenAIProvider: new (options: object) => unknown
}
interface Run extends AsyncIterable<unknown> {
  finalOutput: string
  completed: Promise<void>
}

for (const useResponses of [true, false]) {
  const api = useResponses ? 'responses' : 'chat completions'
  t.test(`@openai/agents over ${api}: an agent runs its tool`, { skip: skipWithoutClients }, async (t) => {
    await using served = await serveSaid()
    const { Agent, Runner, tool, OpenAIProvider } = await installed<Agents>('@openai/agents')
    const openAIClient = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'none', maxRetries: 0 })
    const modelProvider = new OpenAIProvider({ openAIClient, useResponses })
    const runner = new Runner({ modelProvider, tracingDisabled: true })
    const called: unknown[] = []
    const weather = tool({
      name: 'weather',
      description: 'Tells',
      parameters: {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
        additionalProperties: false,
      },
      strict: true,
      execute: async (input: unknown) => {
        called.push(input)
        return 'clear'
      },
    })
    const agent = new Agent({ name: 'Assistant', instructions: 'Be brief.', model: 'said', tools: [weather] })
    t.equal((await runner.run(agent, 'Weather?')).finalOutput, 'It is clear.')
    const streamed = await runner.run(agent, 'Weather?', { stream: true })
    for await (const _ of streamed);
    await streamed.completed
    t.equal(streamed.finalOutput, 'It is clear.')
    t.same(called, [call.arguments, call.arguments])
  })
}
