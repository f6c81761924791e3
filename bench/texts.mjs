// @ts-check
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {object} Text a prompt that ends with the beginning of its answer, so that even a small model goes on with it
 * @property {string} name of its file
 * @property {string} kind such as quoting
 * @property {string} prompt
 * @property {boolean} sample the answer is sampled: greedily a small model soon repeats itself
 */

const folder = fileURLToPath(new URL('texts', import.meta.url))

/** @returns {Promise<Text[]>} of texts/: the first line of a file is `kind: …` or `kind: … (sampled)`, the rest the prompt */
export async function readTexts() {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.txt')).sort()
  return Promise.all(
    names.map(async (name) => parseText(name.replace(/\.txt$/, ''), await readFile(join(folder, name), 'utf8'))),
  )
}

/**
 * @param {string} name
 * @param {string} content
 * @returns {Text}
 */
export function parseText(name, content) {
  const [, kind, prompt] = /^kind: (.+)\n([\s\S]+?)\n?$/.exec(content.replaceAll('\r\n', '\n')) ?? []
  if (!kind || !prompt) throw new Error(`${name}: expected a first line 'kind: …' and a prompt after it`)
  return { name, kind, prompt, sample: kind.endsWith(' (sampled)') }
}
