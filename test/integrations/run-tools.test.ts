import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { GenerationResult } from '#lib/generation/result.js'
import { runTools } from '#lib/integrations/run-tools.js'
import type { LLM } from '#lib/llm.js'
import type { GenerationOptions } from '#lib/options/generation.js'
import type { ToolCall } from '#lib/output/parts.js'
import type { ChatMessage } from '#lib/text/template/messages.js'

const messages = [{ role: 'user', content: 'Weather?' }]

/** A model that answers with these, one after the other, and remembers what it was asked. */
function model(answers: { text?: string; reasoningText?: string; toolCalls?: ToolCall[] }[]) {
  const asked: ChatMessage[][] = []
  const choices: unknown[] = []
  const generate = async (history: ChatMessage[], { toolChoice }: GenerationOptions) => {
    asked.push([...history])
    choices.push(toolChoice)
    return { text: '', reasoningText: '', toolCalls: [], ...answers[asked.length - 1] } as unknown as GenerationResult
  }
  return { llm: { generate } as unknown as LLM, asked, choices }
}

const call = (name: string, given = {}, id = 'a'): ToolCall => ({ id, name, arguments: given })

t.test('tools are run, and the model is asked again until it calls none', async (t) => {
  const { llm, asked } = model([
    {
      reasoningText: 'Hm.',
      toolCalls: [call('weather', { city: 'Rome' }), call('text', {}, 'b'), call('none', {}, 'c')],
    },
    { text: 'Sunny.' },
  ])
  const result = await runTools(llm, messages, {
    tools: {
      weather: { execute: async ({ city }) => ({ city, sky: 'clear' }) },
      text: { execute: () => 'plain' },
    },
  })
  t.match(result, { text: 'Sunny.', steps: [{}, {}] })
  t.same(asked[1]?.slice(1), [
    {
      role: 'assistant',
      content: '',
      reasoning_content: 'Hm.',
      tool_calls: [call('weather', { city: 'Rome' }), call('text', {}, 'b'), call('none', {}, 'c')],
    },
    { role: 'tool', tool_call_id: 'a', name: 'weather', content: '{"city":"Rome","sky":"clear"}' },
    { role: 'tool', tool_call_id: 'b', name: 'text', content: 'plain' },
    {
      role: 'tool',
      tool_call_id: 'c',
      name: 'none',
      content: '{"error":"there is no tool none; there are weather, text"}',
    },
  ])
  t.same(result.messages.at(-1), { role: 'assistant', content: 'Sunny.' })
  t.equal(messages.length, 1)
})

t.test('maxSteps bounds the requests, and the last calls are not run', async (t) => {
  let runs = 0
  const { llm, asked } = model(Array.from({ length: 9 }, () => ({ toolCalls: [call('count')] })))
  const result = await runTools(llm, messages, { tools: { count: { execute: () => ++runs } }, maxSteps: 3 })
  t.same([asked.length, runs, result.toolCalls.length], [3, 2, 1])
})

t.test('a call is required of the first answer alone', async (t) => {
  const tools = { count: { execute: () => 1 } }
  for (const toolChoice of ['required', { name: 'count' }, 'none'] as const) {
    const { llm, choices } = model([{ toolCalls: [call('count')] }, { text: 'One.' }])
    await runTools(llm, messages, { tools, toolChoice })
    t.same(choices, [toolChoice, toolChoice === 'none' ? 'none' : 'auto'])
  }
})

t.test('an abort, and a tool that throws, end it and abort the other tools', async (t) => {
  for (const how of ['abort', 'throw']) {
    const stop = new AbortController()
    let aborted = false
    const { llm } = model([{ toolCalls: [call('slow'), call('fails')] }])
    const running = runTools(llm, messages, {
      signal: stop.signal,
      tools: {
        slow: {
          execute: (_, { signal }) =>
            new Promise(() => {
              signal.addEventListener('abort', () => {
                aborted = true
              })
            }),
        },
        fails: {
          execute: async () => {
            await turn()
            if (how === 'throw') throw new Error('no')
            stop.abort(new Error('no'))
          },
        },
      },
    })
    await t.rejects(running, { message: 'no' })
    t.ok(aborted, how)
  }
})

t.test('wrong options are a TypeError', async (t) => {
  const { llm } = model([])
  await t.rejects(runTools(llm, messages, { tools: { a: {} as never } }), {
    name: 'TypeError',
    message: /tools\.a\.execute/,
  })
  await t.rejects(runTools(llm, messages, { tools: {}, maxSteps: 0 }), { name: 'TypeError', message: /maxSteps/ })
})
