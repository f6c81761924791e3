import t from 'tap'
import type { ChatMessage, GenerationOptions, Prompt } from '#lib/index.js'
import { pipeline } from '#lib/integrations/pipeline.js'
import { exact, tiny } from '../llm/fixtures.js'

const load = (name: string) => pipeline('text-generation', tiny(name), { ovConfig: exact, onWarning: () => {} })
const greedy = { max_new_tokens: 12, do_sample: false } as const
const user = (content: string): ChatMessage => ({ role: 'user', content })

t.test("the model cards' sample", async (t) => {
  const pipe = await load('tiny-phi3')
  const messages = [
    { role: 'user', content: 'Can you provide ways to eat combinations of bananas and dragonfruits?' },
    { role: 'assistant', content: 'Sure! 1. Smoothie 2. Salad' },
    { role: 'user', content: 'What about solving an 2x + 3 = 7 equation?' },
  ]
  const generation_args = { max_new_tokens: 500, return_full_text: false, temperature: 0.0, do_sample: false }
  const output = await pipe(messages, generation_args)
  const expected = await pipe.model.generate(messages, { maxNewTokens: 500, temperature: 0 })
  t.equal(output[0].generated_text, expected.text)
  t.equal(output.length, 1)
  const withSystem = [{ role: 'system', content: 'You are a helpful assistant.' }, ...messages]
  const [{ generated_text }] = await pipe(withSystem, generation_args)
  t.equal(generated_text, (await pipe.model.generate(withSystem, { maxNewTokens: 500, temperature: 0 })).text)
  t.not(generated_text, expected.text)
  await pipe.dispose()
  await t.rejects(pipe(messages, generation_args), { code: 'ERR_CLOSED' })
})

t.test('every shape of input and output', async (t) => {
  await using pipe = await load('tiny-llama-fp32')
  const api = { maxNewTokens: 12, temperature: 0 } as const
  const answer = async (prompt: string | ChatMessage[]) => (await pipe.model.generate(prompt, api)).text
  const [hello, bye] = [await answer('Hello'), await answer('Bye')]
  const chats = [[user('Hello')], [user('Bye')]]
  const [chatHello, chatBye] = [await answer(chats[0]!), await answer(chats[1]!)]
  const assistant = (content: string) => ({ role: 'assistant', content })

  t.same(await pipe('Hello', greedy), [{ generated_text: `Hello${hello}` }])
  t.same(await pipe('Hello', { ...greedy, return_full_text: true }), [{ generated_text: `Hello${hello}` }])
  t.same(await pipe('Hello', { ...greedy, return_full_text: false }), [{ generated_text: hello }])
  t.same(await pipe(['Hello', 'Bye'], greedy), [
    [{ generated_text: `Hello${hello}` }],
    [{ generated_text: `Bye${bye}` }],
  ])
  t.same(await pipe(['Hello'], { ...greedy, return_full_text: false }), [[{ generated_text: hello }]])

  t.same(await pipe(chats[0]!, greedy), [{ generated_text: [user('Hello'), assistant(chatHello)] }])
  t.same(chats[0], [user('Hello')], 'the messages given are as they were')
  t.same(await pipe(chats[0]!, { ...greedy, return_full_text: false }), [{ generated_text: chatHello }])
  t.same(await pipe(chats, greedy), [
    [{ generated_text: [user('Hello'), assistant(chatHello)] }],
    [{ generated_text: [user('Bye'), assistant(chatBye)] }],
  ])
  t.same(await pipe(chats, { ...greedy, return_full_text: false }), [
    [{ generated_text: chatHello }],
    [{ generated_text: chatBye }],
  ])
})

t.test('a last message of the assistant is continued', async (t) => {
  await using pipe = await load('tiny-llama-fp32')
  const messages = [user('Hello'), { role: 'assistant', content: 'Well' }]
  const options = { maxNewTokens: 12, temperature: 0 } as const
  const { text } = await pipe.model.generate(messages, { ...options, continueFinalMessage: true })
  t.same(await pipe(messages, greedy), [
    { generated_text: [user('Hello'), { role: 'assistant', content: `Well${text}` }] },
  ])
  t.same(await pipe(messages, { ...greedy, return_full_text: false }), [{ generated_text: text }])
  const apart = await pipe.model.generate(messages, options)
  t.not(apart.text, text)
  t.same(await pipe(messages, { ...greedy, continue_final_message: false }), [
    { generated_text: [...messages, { role: 'assistant', content: apart.text }] },
  ])
})

t.test('options are passed on by their names in transformers', async (t) => {
  await using pipe = await load('tiny-llama-fp32')
  const only = { return_full_text: false } as const
  const text = async (options: object) => (await pipe('Hello', { ...only, ...options }))[0].generated_text
  const full = await pipe.model.generate('Hello', { maxNewTokens: 12, temperature: 0 })

  t.equal(
    await text({ do_sample: false }),
    (await pipe.model.generate('Hello', { maxNewTokens: 256, temperature: 0 })).text,
  )
  t.equal(await text({ ...greedy, temperature: 0.7 }), full.text, 'do_sample: false is greedy whatever the temperature')
  t.equal(await text({ ...greedy, temperature: 0 }), full.text)
  const word = full.text.slice(2, 5)
  t.equal(await text({ ...greedy, stop_strings: ['never found', word] }), full.text.slice(0, full.text.indexOf(word)))
  const end = full.tokens[4]!
  const ended = await pipe.model.generate('Hello', { maxNewTokens: 12, temperature: 0, stopTokenIds: [end] })
  t.equal(ended.finishReason, 'stop')
  t.equal(await text({ ...greedy, eos_token_id: end }), ended.text)
  t.equal(await text({ ...greedy, eos_token_id: [end] }), ended.text)

  const { tokens } = await pipe.model.tokenize('Hello')
  t.equal(await text({ do_sample: false, max_length: tokens.length + 12 }), full.text)
  t.equal(await text({ ...greedy, max_length: 1 }), full.text, 'max_new_tokens wins')
  await t.rejects(pipe('Hello', { max_length: tokens.length }), { code: 'ERR_CONTEXT_LENGTH', message: /max_length/ })

  const sampling = { do_sample: true, temperature: 1.5, top_p: 0.9, top_k: 40, seed: 3, max_new_tokens: 12 }
  const sampled = await pipe.model.generate('Hello', {
    doSample: true,
    temperature: 1.5,
    topP: 0.9,
    topK: 40,
    seed: 3,
    maxNewTokens: 12,
  })
  t.equal(await text(sampling), sampled.text)
  t.not(sampled.text, full.text)
})

t.test('misuse is a TypeError in words', async (t) => {
  await t.rejects(pipeline('fill-mask' as 'text-generation', tiny('tiny-llama')), {
    name: 'TypeError',
    message: "expected task to be 'text-generation', received 'fill-mask' of type string",
  })
  await t.rejects(pipeline('text-generation', 'nowhere'), { code: 'ERR_MODEL_NOT_FOUND' })
  await using pipe = await load('tiny-llama-fp32')
  const loose = pipe as unknown as (input: unknown, options?: unknown) => Promise<unknown>
  const wrong: [unknown, unknown, RegExp][] = [
    ['x', { max_new_token: 1 }, /unknown option max_new_token .*did you mean max_new_tokens\?/],
    ['x', { maxNewTokens: 1 }, /did you mean max_new_tokens\?/],
    ['x', { temperature: 'hot' }, /expected temperature to be a number ≥ 0, received 'hot'/],
    ['x', { do_sample: true, temperature: 0 }, /expected temperature above 0 with do_sample: true/],
    ['x', { tools: [] }, /chat messages only/],
    ['x', 5, /expected pipeline options to be an object/],
    [7, {}, /expected input to be a string/],
    [undefined, {}, /expected input to be a string/],
    [[], {}, /at least one chat message/],
    [['x', user('x')], {}, /received strings and messages/],
    [['x', [user('x')]], {}, /received strings and message lists/],
    [[user('x'), 7], {}, /messages\[1\]/],
  ]
  for (const [input, options, message] of wrong) await t.rejects(loose(input, options), { name: 'TypeError', message })
})

t.test('an abort ends all inputs, and so does the failure of one', async (t) => {
  await using pipe = await load('tiny-phi3')
  const reason = new Error('enough')
  await t.rejects(pipe('x', { signal: AbortSignal.abort(reason) }), reason)
  const stop = new AbortController()
  const several = pipe(['one', 'two', 'three'], { max_new_tokens: 4000, signal: stop.signal })
  stop.abort(reason)
  await t.rejects(several, reason)

  const { model } = pipe
  const generate = model.generate.bind(model)
  const signals: (AbortSignal | undefined)[] = []
  model.generate = (prompt: Prompt, options?: GenerationOptions) => {
    signals.push(options?.signal)
    return generate(prompt, options) as never
  }
  const broken = { role: 7 } as unknown as ChatMessage
  await t.rejects(pipe([[user('x')], [broken]], greedy), { name: 'TypeError', message: /role/ })
  t.equal(signals[0]?.aborted, true)
  t.ok((await pipe('x', greedy))[0].generated_text.startsWith('x'))
})

/** Compiles only when the types of results follow from input and options. */
export async function types(): Promise<void> {
  const pipe = await pipeline('text-generation', 'x')
  const string: string = (await pipe('x'))[0].generated_text
  const full: ChatMessage[] = (await pipe([user('x')]))[0].generated_text
  const short: string = (await pipe([user('x')], { return_full_text: false }))[0].generated_text
  const list: string[] = (await pipe(['x'])).map(([{ generated_text }]) => generated_text)
  // @ts-expect-error full text of messages is messages
  const wrong: string = (await pipe([user('x')]))[0].generated_text
  // @ts-expect-error camelCase is the API's
  await pipe('x', { maxNewTokens: 5 })
  void [string, full, short, list, wrong]
}
