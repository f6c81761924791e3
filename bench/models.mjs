// @ts-check
import { basename, join, resolve } from 'node:path'
import { cacheFolder } from '../scripts/cache.mjs'
import { demoModel } from '../scripts/demo-model.mjs'
import { root } from '../scripts/run.mjs'
import { writeGguf } from './generate/gguf.mjs'
import { writeIr } from './generate/ir.mjs'
import { mixtures, shapes } from './generate/shapes.mjs'
import { makeOnce } from './once.mjs'
import { assembleReference } from './reference.mjs'

/** Counts the changes of what the generator writes, so that a file of before is not taken for one of now. */
const generation = 1

/** The models that can be measured, by the name that `--model` takes. */
export const modelNames = ['smollm2', ...Object.keys(shapes), ...Object.keys(mixtures)]

/**
 * @typedef {object} Model
 * @property {string} label for the report
 * @property {string} ours what this project loads: a GGUF or a model folder
 * @property {string} [ir] model folder of openvino-genai, when it is not the one that `ours` is converted into
 * @property {() => Promise<string>} [gguf] of node-llama-cpp; made on the first call; a folder has none
 */

/** @param {string | undefined} text whether it says where a model is, and is no name */
export const isFolder = (text) => text !== undefined && /[/\\]/.test(text)

/**
 * @param {string} name one of {@link modelNames}, or a model folder
 * @returns {Promise<Model>} with files in the cache, made if need be
 */
export async function findModel(name) {
  if (isFolder(name)) {
    const folder = resolve(name)
    return { label: basename(folder), ours: folder, ir: folder }
  }
  const shape = shapes[name] ?? mixtures[name]
  if (!shape) {
    const ours = await demoModel()
    return { label: 'SmolLM2-135M-Instruct, GGUF Q4_1', ours, gguf: async () => ours }
  }
  const folder = join(cacheFolder(), 'bench', `${name}-${generation}`)
  const ir = join(folder, 'ir')
  await makeOnce(ir, 'openvino_model.xml', async (work) => {
    console.error(`Writing an IR of the shape of ${name} with random weights into ${ir}, once.`)
    await writeIr(join(root, 'test', 'fixtures', 'ir', shape.experts ? 'tiny-qwen3-moe' : 'tiny-phi3'), work, shape)
  })
  return {
    label: `${name} shape with random weights, IR int4 asymmetric group ${shape.group} (GGUF Q4_0)`,
    ours: name === 'phi-3-medium' ? await assembleReference(ir, join(folder, 'reference')) : ir,
    ir,
    async gguf() {
      const gguf = join(folder, 'gguf')
      await makeOnce(gguf, 'model.gguf', async (work) => {
        console.error(`Writing a GGUF of the shape of ${name} with random weights into ${gguf}, once.`)
        await writeGguf(join(work, 'model.gguf'), shape)
      })
      return join(gguf, 'model.gguf')
    },
  }
}
