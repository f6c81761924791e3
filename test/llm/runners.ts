import { join } from 'node:path'
import type { EngineConfig, NativeTimings, RequestParams } from '#lib/engine/boundary.js'
import { Engine, type RequestHandler } from '#lib/engine/engine.js'
import { plainConfig } from '#lib/loading/engine-config.js'
import { params } from '../engine/scripted.js'
import { exact, tiny } from './fixtures.js'

/** A tiny model computed exactly, with everything about the engine in the test's hand. No warm-up: its costs would decide about guesses. */
export function tinyConfig(name: string, runner: 'paged' | 'stateful'): EngineConfig {
  return {
    ...plainConfig,
    runner,
    modelPath: join(tiny(name), 'openvino_model.xml'),
    properties: Object.entries(exact).map(([key, value]) => `${key}=${value}`),
    maxSequences: 8,
  }
}

export function startTiny(
  name: string,
  runner: 'paged' | 'stateful',
  config: Partial<EngineConfig> = {},
): Promise<Engine> {
  return Engine.start({ ...tinyConfig(name, runner), ...config })
}

/** One answer as the engine gave it. */
export interface Answered {
  tokens: number[]
  reason: string
  timings: NativeTimings
}

/** Several answers to one prompt. */
export function answersOf(
  engine: Engine,
  prompt: readonly number[],
  count: number,
  overrides: Partial<RequestParams>,
): Promise<Answered[]> {
  const handlers: RequestHandler[] = []
  const answers = Array.from({ length: count }, () => {
    return new Promise<Answered>((resolve, reject) => {
      const tokens: number[] = []
      handlers.push({
        tokens: (more) => void tokens.push(...more),
        finished: (reason, timings) => resolve({ tokens, reason, timings }),
        failed: reject,
      })
    })
  })
  engine.submit(Int32Array.from(prompt), params(overrides), handlers)
  return Promise.all(answers)
}

/** The one answer to a prompt. */
export async function answerOf(
  engine: Engine,
  prompt: readonly number[],
  overrides: Partial<RequestParams>,
): Promise<Answered> {
  return (await answersOf(engine, prompt, 1, overrides))[0] as Answered
}
