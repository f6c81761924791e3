import t from 'tap'
import { type LanguageModel, LLM, type SharedOptions } from '#lib/index.js'

// Compiled, not run: misuse must not compile. An error that is not there fails the compilation.
async function misuse(model: LanguageModel, llm: LLM, options: SharedOptions): Promise<void> {
  const remote = await LLM.connect('http://a')
  const either: LanguageModel[] = [llm, remote]
  await either[0]?.generate('x', options)
  await llm.generate('x', options)
  // @ts-expect-error an option that no server takes
  model.stream('x', { numBeams: 4 })
  // @ts-expect-error nor with a connected model
  remote.stream('x', { dryMultiplier: 1 })
  // @ts-expect-error a connected model does not score
  remote.score('x', ['y'])
  // @ts-expect-error an unknown kind of server
  await LLM.connect('http://a', { server: 'ollama' })
  // @ts-expect-error defaults have no signal
  await LLM.connect('http://a', { defaults: { signal: AbortSignal.abort() } })
  const { value } = await model.generate('x', { responseFormat: { type: 'choice', choices: ['a', 'b'] } })
  value satisfies 'a' | 'b' | undefined
}

t.test('what a loaded and a connected model have in common', (t) => {
  t.type(misuse, 'function')
  t.end()
})
