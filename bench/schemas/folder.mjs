// @ts-check
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import draft04 from 'ajv-draft-04'
import formats from 'ajv-formats'
import { Complaint } from '../../scripts/run.mjs'

/**
 * @typedef {object} Case
 * @property {string} name of its file
 * @property {Record<string, unknown>} schema
 * @property {{ valid: boolean, text: string }[]} texts instances as compact JSON, and whether the schema allows them
 */

/**
 * The schemas of a folder: files as MaskBench has them, `{ schema, tests: [{ valid, data }] }`, or schemas by themselves.
 * @param {string} folder
 * @param {number} most of more, so many are taken
 * @param {number} seed of the order, which is random
 * @returns {Promise<Case[]>}
 * @throws {Complaint}
 */
export async function readCases(folder, most, seed) {
  const all = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  if (all.length === 0) throw new Complaint(`${folder} has no .json files.`)
  return await Promise.all(
    shuffled(all, seed)
      .slice(0, most)
      .map(async (name) => {
        const content = JSON.parse(await readFile(join(folder, name), 'utf8'))
        const { schema, tests = [] } = content.schema === undefined ? { schema: content } : content
        const texts = tests.map((/** @type {{ valid: boolean, data: unknown }} */ { valid, data }) => ({
          valid,
          text: JSON.stringify(data),
        }))
        return { name, schema, texts }
      }),
  )
}

/**
 * Fisher and Yates, with the random numbers of mulberry32.
 * @param {readonly string[]} names
 * @param {number} seed
 */
function shuffled(names, seed) {
  const order = [...names]
  let state = seed | 0
  for (let left = order.length; left > 1; ) {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    const at = ((t ^ (t >>> 14)) >>> 0) % left--
    const last = /** @type {string} */ (order[left])
    order[left] = /** @type {string} */ (order[at])
    order[at] = last
  }
  return order
}

const drafts = /** @type {const} */ ([
  ['draft-04', draft04.default],
  ['2019-09', Ajv2019],
  ['2020-12', Ajv2020],
  ['', Ajv],
])

/**
 * Ajv's word on a value, in the draft that the schema names, with formats; undefined when ajv cannot compile the schema.
 * @param {Record<string, unknown>} schema
 * @returns {((value: unknown) => string | undefined) | undefined} gives what is wrong with a value
 */
export function validator(schema) {
  const named = typeof schema.$schema === 'string' ? schema.$schema : '2020-12'
  const Validator = drafts.find(([draft]) => named.includes(draft))?.[1] ?? Ajv
  const ajv = new Validator({ strict: false, logger: false, validateSchema: false, multipleOfPrecision: 6 })
  formats.default(/** @type {any} */ (ajv))
  try {
    const check = ajv.compile(schema)
    return (value) => (check(value) ? undefined : ajv.errorsText(check.errors))
  } catch {
    return undefined
  }
}
