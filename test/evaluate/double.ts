import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Evaluated } from '#lib/evaluate/index.js'
import { tiny } from '../llm/fixtures.js'

/** A miniature task file, or the file of its shots. */
export const taskFile = (name: string): string => resolve('test/fixtures/evaluate', `${name}.jsonl`)

interface GoldenTask {
  shots: number
  questions: {
    /** Of choices: prompt and continuation of each. */
    asks?: [string, string][]
    prompt?: string
    until?: string[]
    cases: { logprobs?: number[]; text?: string; scores: Record<string, number> }[]
  }[]
}

/** What lm-evaluation-harness asks and grades, by task. */
export const golden: Record<string, GoldenTask> = JSON.parse(
  readFileSync(join('test/fixtures/evaluate/golden.json'), 'utf8'),
)

/** A request that a double of a model was given. */
export interface Asked {
  prompt: string
  continuations?: readonly string[]
  stop?: unknown
}

/** Stands in for a model: it remembers what it was asked, and answers as it is told. */
export class DoubleLLM {
  readonly asked: Asked[] = []
  readonly info: Evaluated['info']
  /** What each question is answered with. */
  answer: (prompt: string, continuations: readonly string[]) => Promise<number[]> | number[]
  text: (prompt: string) => Promise<string> | string

  constructor(folder = tiny('tiny-llama')) {
    this.answer = (_, continuations) => continuations.map((_, i) => -1 - i)
    this.text = () => ''
    this.info = {
      folder,
      source: { kind: 'folder', path: folder },
      maxSequences: 4,
      precision: { inference: 'f32', kvCache: 'f32' },
    } as Evaluated['info']
  }

  /** As a model, for `evaluate`. */
  get llm(): Evaluated {
    return {
      info: this.info,
      score: async (prompt: string, continuations: string[]) => {
        this.asked.push({ prompt, continuations })
        return (await this.answer(prompt, continuations)).map((logprob) => ({ logprob }))
      },
      generate: async (prompt: string, { stop }: { stop?: unknown }) => {
        this.asked.push({ prompt, stop })
        return { text: await this.text(prompt) }
      },
    } as unknown as Evaluated
  }
}
