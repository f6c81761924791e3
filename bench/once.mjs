// @ts-check
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { exists } from '../scripts/build/wheel.mjs'

/**
 * Makes a folder unless it exists. It is filled under another name and then renamed, so that a run that was stopped does not
 * leave half a folder in its place.
 * @param {string} target absolute path
 * @param {string} sentinel a path inside it; without it the folder counts as absent
 * @param {(work: string) => Promise<void>} make fills the folder `work`, which exists and is empty
 */
export async function makeOnce(target, sentinel, make) {
  if (await exists(join(target, sentinel))) return
  const work = `${target}.partial`
  try {
    await rm(work, { recursive: true, force: true })
    await mkdir(work, { recursive: true })
    await make(work)
    if (!(await exists(join(work, sentinel)))) throw new Error(`${join(work, sentinel)} was not made`)
    await mkdir(dirname(target), { recursive: true })
    await rm(target, { recursive: true, force: true })
    await rename(work, target)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
