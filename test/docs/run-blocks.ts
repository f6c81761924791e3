import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'

/** What the process sends after each block. */
export interface RunReport {
  path: string
  /** '' when it ran to its end. */
  failure: string
  /** What it wrote to standard output. */
  output: string
}

// Main module of a process: runs the modules in argv, one after the other, and tells its parent how each ended.
let output = ''
const write = process.stdout.write.bind(process.stdout)
process.stdout.write = ((text: string | Uint8Array, ...rest: []) => {
  output += String(text)
  return write(text, ...rest)
}) as typeof process.stdout.write

for (const path of process.argv.slice(2)) {
  const report = (failure: string) => process.send?.({ path, failure, output } satisfies RunReport)
  output = ''
  try {
    await import(pathToFileURL(path).href)
    report('')
  } catch (error) {
    report(inspect(error))
  }
}
process.disconnect?.()
