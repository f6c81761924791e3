// @ts-check
import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root folder of the package. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** An error that the user can mend: only its message is shown, without a stack trace. */
export class Complaint extends Error {}

/**
 * Runs a script's main function. A {@link Complaint} ends the process with its message and exit code 1.
 * @param {() => Promise<number | void>} main resolves to the exit code, none is 0
 */
export function runMain(main) {
  main().then(
    (code) => {
      process.exitCode = code ?? 0
    },
    (error) => {
      console.error(error instanceof Complaint ? error.message : error)
      process.exitCode = 1
    },
  )
}

/**
 * Runs a program and waits for its end. Its output goes where `stdio` says; by default it shares ours.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<number>} its exit code; 128 when a signal ended it
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', cwd: root, ...options })
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 128))
  })
}

/**
 * Runs a program and takes what it prints.
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<string | undefined>} its standard output, or undefined when it cannot be started or fails
 */
export function ask(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    child.on('error', () => resolve(undefined))
    child.on('close', (code) => resolve(code === 0 ? text.trim() : undefined))
  })
}
