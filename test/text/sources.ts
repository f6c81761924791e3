import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { TextSource } from '#lib/text/text-source.js'

/** Real model files lie beside the checkout, where present; tests that need them skip otherwise. */
export const shared = resolve('../shared/fixtures')
export const skipWithout = (folder: string): string | false =>
  existsSync(`${shared}/${folder}`) ? false : `${folder} is not here`

/** The text side of a model folder. */
export function sourceOf(folder: string): TextSource {
  const path = `${shared}/${folder}`
  const tokenizerConfig = JSON.parse(readFileSync(`${path}/tokenizer_config.json`, 'utf8')) as Record<string, unknown>
  const own = `${path}/chat_template.jinja`
  const template = existsSync(own) ? readFileSync(own, 'utf8') : (tokenizerConfig['chat_template'] as string)
  return {
    tokenizerPath: `${path}/tokenizer.json`,
    tokenizerConfig,
    templates: { default: template },
    templateFile: own,
    chatsNeedBos: false,
  }
}

/** Small tokenizers with what the `tokenizers` library made of texts; written by make-vectors.py. */
export interface TokenizerVectors {
  name: string
  tokenizer: Record<string, unknown>
  /**
   * Text; ids; ids without special tokens added; those with special tokens split; the second decoded without special
   * tokens, and with.
   */
  rows: [string, number[], number[], number[], string, string][]
}

export const tokenizerVectors = JSON.parse(readFileSync('test/text/tokenizers.json', 'utf8')) as TokenizerVectors[]

/**
 * Tokenizers of all kinds with what the `tokenizers` library made of the texts; written by make-models.py. A row holds
 * ids; ids with special tokens around them, if others; the first decoded without special tokens, and with, if otherwise.
 * The row is empty when the model cannot write the text.
 */
export interface ModelVectors {
  texts: string[]
  tokenizers: {
    name: string
    tokenizer: Record<string, unknown>
    rows: (number[] | string)[][]
    /** The first of a row decoded without special tokens, with clean_up_tokenization_spaces. */
    cleaned?: string[]
  }[]
}

export const modelVectors = (): ModelVectors =>
  JSON.parse(gunzipSync(readFileSync('test/text/models.json.gz')).toString()) as ModelVectors

/** Chat templates with what transformers rendered; written by make-templates.py. */
export interface TemplateVectors {
  source: string
  cases: {
    chat: string
    messages: { role: string; content: string }[]
    options: Record<string, unknown>
    text?: string
    error?: string
  }[]
}

export const templateVectors = JSON.parse(readFileSync('test/text/templates.json', 'utf8')) as Record<
  string,
  TemplateVectors[]
>

/** Random numbers in [0, n), the same in each run (mulberry32). */
export function seeded(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n)
  }
}
