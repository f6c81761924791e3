import { type EngineConfig, noGrammar, noMarks, type RequestParams } from '#lib/engine/boundary.js'
import { Engine, type EngineListeners, type RequestHandler } from '#lib/engine/engine.js'
import { noTokenParams } from '#lib/generation/token-options.js'
import { plainConfig } from '#lib/loading/engine-config.js'
import { noBeams } from '#lib/options/beams.js'
import { noLogprobs } from '#lib/options/logprobs.js'
import { greedySampling } from '#lib/options/resolve-sampling.js'

/** An engine whose tokens come from a script: everything around a model, without one. */
export interface ScriptOptions {
  script?: number[]
  vocabulary?: number
  /** Microseconds that a step takes. */
  step?: number
  /** The first step that throws, warm-up not counted; 0 = none. */
  failAt?: number
  failCount?: number
  /** Answers that are computed at once. */
  sequences?: number
  /** Blocks of 4 tokens of its KV cache; 0 = it has none. */
  blocks?: number
  /** Longest sequence of the short position factors; 0 = there is one set. */
  ropeBorder?: number
}

export function scriptedConfig(options: ScriptOptions = {}): EngineConfig {
  const { script = [5, 6, 7, 8], vocabulary = 32, step = 0, failAt = 0, failCount = 1 } = options
  const { sequences = 1, blocks = 0, ropeBorder = 0 } = options
  return {
    ...plainConfig,
    runner: 'scripted',
    prefillChunk: 8,
    statefulChunk: 8,
    maxSequences: sequences,
    script: Int32Array.from(script),
    scriptNumbers: Int32Array.of(vocabulary, step, failAt, failCount, blocks, ropeBorder, 0),
  }
}

export function startScripted(options: ScriptOptions = {}, listeners: EngineListeners = {}): Promise<Engine> {
  return Engine.start(scriptedConfig(options), listeners)
}

export function params(overrides: Partial<RequestParams> = {}): RequestParams {
  return {
    maxNewTokens: 4,
    stopTokenIds: new Int32Array(0),
    ...greedySampling,
    ...noTokenParams,
    ...noBeams,
    priority: 0,
    lookupNgram: 0,
    lookupTokens: 0,
    ...noLogprobs,
    grammar: noGrammar,
    marks: noMarks,
    ...overrides,
  }
}

export interface Outcome {
  tokens: number[]
  reason: string
  /** How many times the request ended: must be 1. */
  ends: number
}

/** Submits and waits for the end; an id comes with it at once. */
export function run(
  engine: Engine,
  prompt: number[],
  overrides: Partial<RequestParams> = {},
): { id: number; outcome: Promise<Outcome> } {
  const outcome: Outcome = { tokens: [], reason: '', ends: 0 }
  let id = 0
  const ended = new Promise<Outcome>((resolve, reject) => {
    const handler: RequestHandler = {
      tokens: (tokens) => void outcome.tokens.push(...tokens),
      finished: (reason) => {
        outcome.reason = reason
        outcome.ends++
        resolve(outcome)
      },
      failed: reject,
    }
    id = engine.submit(Int32Array.from(prompt), params(overrides), [handler])[0] as number
  })
  return { id, outcome: ended }
}
