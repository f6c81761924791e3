// @ts-check
import { join } from 'node:path'
import { findPython } from './build/tools.mjs'
import { Complaint, run } from './run.mjs'

/** Where a virtual environment has its Python. */
export const venvPython = process.platform === 'win32' ? join('Scripts', 'python.exe') : join('bin', 'python')

/** @type {import('node:child_process').SpawnOptions['stdio']} Standard output is for the reports of scripts alone. */
const stdio = ['ignore', 2, 2]

/**
 * Makes a virtual environment. Only its Python is used, not its programs, so that it may be moved.
 * @param {string} folder
 * @returns {Promise<number>} exit code
 * @throws {Complaint} when there is no Python
 */
export async function makeVenv(folder) {
  const python = await findPython()
  if (!python.found) throw new Complaint(python.missing)
  const [command, ...first] = /** @type {[string]} */ (python.found)
  return await run(command, [...first, '-m', 'venv', folder], { stdio })
}

/**
 * @param {string} python of a virtual environment
 * @param {string[]} args of `pip install`
 * @returns {Promise<number>} exit code
 */
export async function pipInstall(python, args) {
  const pip = ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--quiet']
  return await run(python, [...pip, ...args], { stdio })
}
