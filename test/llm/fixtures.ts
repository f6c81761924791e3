import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { LLM, type LoadOptions } from '#lib/index.js'

/** Folder of a tiny model with random weights; test/fixtures/README.md says how it was made. */
export const tiny = (name: string) => resolve('test/fixtures/ir', name)

/** What equality needs: u8 KV and bf16 would move logits. */
export const exact = {
  INFERENCE_PRECISION_HINT: 'f32',
  KV_CACHE_PRECISION: 'f32',
  DYNAMIC_QUANTIZATION_GROUP_SIZE: 0,
} as const

export function loadTiny(name = 'tiny-llama-fp32', options: LoadOptions = {}): Promise<LLM> {
  return LLM.load(tiny(name), { ovConfig: exact, ...options })
}

interface GoldenCase {
  prompt: number[]
  greedy: number[]
}

/** Greedy continuations computed with transformers in f32, by model. */
export function goldenTiny(): Record<string, { vocab: number; cases: GoldenCase[] }> {
  return JSON.parse(readFileSync(join('test/fixtures/golden/tiny.json'), 'utf8'))
}

export interface GoldenScores {
  cases: { tokens: number[]; logprobs: number[]; top: [number, number][][] }[]
  text: number[]
  perplexity: { context: number; stride: number; tokens: number; perplexity: number }[]
}

/** Log-probabilities of whole sequences and perplexities, computed with transformers in f32, by the first name of `scoredModels`. */
export function goldenScores(): Record<string, GoldenScores> {
  return JSON.parse(readFileSync('test/fixtures/golden/scores-tiny.json', 'utf8'))
}

/** The models of {@link goldenScores}: their names there, and their folders. */
export const scoredModels = [
  ['tiny-llama', 'tiny-llama-fp32'],
  ['tiny-phi3-sw16', 'tiny-phi3-sw16-fp32'],
  ['tiny-phi3-longrope', 'tiny-phi3-longrope-fp32'],
] as const
