// @ts-check
import { copyFile, link, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { exists } from '../scripts/build/wheel.mjs'
import { root } from '../scripts/run.mjs'
import { makeOnce } from './once.mjs'

/** The real files of Phi-3-medium-4k-instruct, but for its weights; they are not part of this project. */
const files = join(root, '..', 'shared', 'fixtures', 'phi-3-medium')
const names = {
  'config-4k.json': 'config.json',
  'generation_config.json': '',
  'tokenizer.json': '',
  'tokenizer_config.json': '',
}

/**
 * The reference case: the graph and weights of `ir`, which has the shape of Phi-3-medium, with the real tokenizer, chat template, context
 * and stop words.
 * @param {string} ir
 * @param {string} target absolute path
 * @returns {Promise<string>} the folder; `ir` itself, saying so, where the real files are not there
 */
export async function assembleReference(ir, target) {
  if (!(await exists(join(files, 'tokenizer.json')))) {
    console.error(`${files} is not there: the model keeps the tokenizer of the tiny models.`)
    return ir
  }
  await makeOnce(target, 'openvino_model.xml', async (work) => {
    for (const name of ['openvino_model.bin', 'openvino_model.xml']) await linkOrPoint(join(ir, name), join(work, name))
    for (const [from, to] of Object.entries(names)) await copyFile(join(files, from), join(work, to || from))
  })
  return target
}

/** Some file systems have no hard links. @param {string} from @param {string} to */
async function linkOrPoint(from, to) {
  await link(from, to).catch(() => symlink(from, to))
}
