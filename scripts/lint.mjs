// @ts-check
import { chmod, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { root, run, runMain } from './run.mjs'

const require = createRequire(import.meta.url)

runMain(async () => {
  const { values } = parseArgs({ options: { write: { type: 'boolean' } } })
  const write = Boolean(values.write)
  const codes = [await biome(write), await clangFormat(write)]
  return codes.some((code) => code !== 0) ? 1 : 0
})

/**
 * TypeScript, scripts and JSON. biome.json says which files.
 * @param {boolean} write
 */
function biome(write) {
  const program = join(require.resolve('@biomejs/biome/package.json'), '..', 'bin', 'biome')
  return run(process.execPath, [program, 'check', '--error-on-warnings', ...(write ? ['--write'] : [])])
}

/**
 * C++.
 * @param {boolean} write
 */
async function clangFormat(write) {
  const files = []
  for (const folder of ['native', join('test', 'native'), join('test', 'gpu'), 'bench']) {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => [])
    files.push(...entries.filter((entry) => entry.isFile() && /\.(cc|h)$/.test(entry.name)))
  }
  if (files.length === 0) return 0
  const program = require('clang-format-node').getClangFormatPath(process.platform, process.arch)
  // Its install script would set this bit, but install scripts may be off.
  await chmod(program, 0o755).catch(() => {})
  const paths = files.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort()
  return run(program, [...(write ? ['-i'] : ['--dry-run', '-Werror']), ...paths])
}
