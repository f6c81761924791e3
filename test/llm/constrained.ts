import { loadAddon } from '#lib/addon/load.js'
import { noGrammar, type RequestParams } from '#lib/engine/boundary.js'
import { Engine } from '#lib/engine/engine.js'
import { plainConfig } from '#lib/loading/engine-config.js'
import { loadModel } from '#lib/model/load-model.js'
import { TextWorker } from '#lib/text/worker/text-worker.js'
import { params } from '../engine/scripted.js'

/** Why tests of grammars are skipped, or false. */
export const skipWithoutGrammars = loadAddon().buildInfo().grammar === '' && 'the addon was built without Rust'

/** One constrained answer. */
export interface Constrained {
  text: string
  tokens: number[]
  reason: string
  /** Special tokens in it, but for the last token. */
  special: number[]
}

/** An engine with a model's tokenizer, which answers with grammars. */
export interface ConstrainedEngine {
  answer(grammar: RequestParams['grammar'], overrides?: Partial<RequestParams>, prompt?: string): Promise<Constrained>
  engine: Engine
  close(): Promise<void>
}

/** Opens a model for 8 answers at once, in f32. */
export async function openConstrained(path: string): Promise<ConstrainedEngine> {
  const definition = await loadModel(path)
  const text = await TextWorker.open(definition.text)
  const { bytes, offsets, special } = text.tokens
  const exact = ['INFERENCE_PRECISION_HINT=f32', 'KV_CACHE_PRECISION=f32']
  const engine = await Engine.start({
    ...plainConfig,
    runner: 'paged',
    modelPath: definition.modelPath,
    properties: exact,
    contextLength: 1024,
    maxSequences: 8,
  })
  const endTokens = Int32Array.from(definition.stopTokenIds)
  engine.learnVocabulary(() => ({ bytes, offsets, special, endTokens }))
  const answer: ConstrainedEngine['answer'] = async (grammar = noGrammar, overrides = {}, prompt = 'A person:') => {
    const encoded = await text.encodeText(prompt)
    const tokens: number[] = []
    const reason = await new Promise<string>((resolve, reject) => {
      const asked = params({ maxNewTokens: 300, temperature: 1, stopTokenIds: endTokens, grammar, ...overrides })
      engine.submit(encoded.tokens, asked, [
        { tokens: (more) => void tokens.push(...more), finished: resolve, failed: reject },
      ])
    })
    const body = reason === 'stop' ? tokens.slice(0, -1) : tokens
    const written = Buffer.concat(body.map((token) => bytes.subarray(offsets[token], offsets[token + 1])))
    return { text: written.toString(), tokens, reason, special: body.filter((token) => special[token] === 1) }
  }
  return {
    answer,
    engine,
    async close() {
      await engine.close()
      await text.close()
    },
  }
}
