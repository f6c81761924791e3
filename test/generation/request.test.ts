import t from 'tap'
import { checkRunner, startRequest } from '#lib/generation/request.js'
import { GenerationStream } from '#lib/generation/stream.js'
import { greedySampling } from '#lib/options/resolve-sampling.js'
import type { TextWorker } from '#lib/text/worker/text-worker.js'
import { startScripted } from '../engine/scripted.js'
import { tableOf } from './table.js'

t.test(
  'the time to the first token begins with the call, and holds what the model took to be loaded again',
  async (t) => {
    let now = 5000
    t.intercept(performance, 'now', { value: () => now })
    const engine = await startScripted({ script: [0, 1, 2, 3], vocabulary: 8 })
    const context = {
      engine: {
        ready: async () => {
          now += 3000
          return engine
        },
      },
      text: { tokens: tableOf([...'abcdefgh']), addedTokenId: () => undefined } as unknown as TextWorker,
      warn: () => {},
      contextLength: 100,
      contextReason: '',
      maxPrompt: 100,
      vocabularySize: 8,
      canDraft: true,
      stopTokenIds: [],
      stopWords: [],
    } as unknown as Parameters<typeof startRequest>[0]
    const prompt = { kind: 'tokens', tokens: Int32Array.of(1) } as const
    const stream = new GenerationStream({
      requestId: 'r',
      callSite: () => '',
      start: (handlers, signal) =>
        startRequest(context, prompt, { maxNewTokens: 3 }, greedySampling, handlers, signal, now - 40),
    })
    const { timings } = await stream.result
    t.match(timings, { tokenize: 40, load: 3000 })
    t.equal(timings.timeToFirstToken, 3040 + timings.queued + timings.prefill)
    await engine.close()
  },
)

t.test('beams need an engine that forks, whatever else it does at once', async (t) => {
  const context = { runner: 'stateful', maxSequences: 16, canFork: true }
  checkRunner(context, { numBeams: 16 })
  t.throws(() => checkRunner(context, { numBeams: 17 }), { code: 'ERR_UNSUPPORTED_MODEL', message: /at most 16/ })
  const alone = { ...context, canFork: false }
  t.throws(() => checkRunner(alone, { numBeams: 2 }), { code: 'ERR_UNSUPPORTED_MODEL', message: /stateful.*no beams/ })
  checkRunner(alone, { numBeams: 1 })
})
