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
 * @param {number} most of more, so many are taken at equal distances
 * @returns {Promise<Case[]>}
 * @throws {Complaint}
 */
export async function readCases(folder, most) {
  const all = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort()
  if (all.length === 0) throw new Complaint(`${folder} has no .json files.`)
  const names = all.filter((_, i) => Math.floor((i * most) / all.length) !== Math.floor(((i - 1) * most) / all.length))
  return await Promise.all(
    (most < all.length ? names : all).map(async (name) => {
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
