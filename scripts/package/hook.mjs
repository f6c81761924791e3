// @ts-check
import { readFile } from 'node:fs/promises'
import { ask } from '../run.mjs'

/**
 * Whether npm runs this script before `npm run build`, because its name is "pre" and "build", and not because it was asked
 * for. Only the command line of the npm that runs us tells.
 * @param {(pid: number) => Promise<{ parent: number, command: string } | undefined>} [look]
 * @returns {Promise<boolean>}
 */
export async function isHookOfBuild(look = processOf) {
  if (process.env.npm_lifecycle_event !== 'prebuild') return false
  let pid = process.ppid
  for (let depth = 0; depth < 5; depth++) {
    const found = await look(pid)
    if (!found) return false
    const [, script] = /\bnpm(?:-cli\.js)?"? (?:run|run-script) (?:--?\S+ )*([\w:-]+)/.exec(found.command) ?? []
    if (script) return script === 'build'
    pid = found.parent
  }
  return false
}

/** @param {number} pid */
async function processOf(pid) {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const parent = /^PPid:\s*(\d+)/m.exec(status)?.[1]
    return parent ? { parent: Number(parent), command: command.replaceAll('\0', ' ') } : undefined
  }
  const query = `$p = Get-CimInstance Win32_Process -Filter "ProcessId=${pid}"; "$($p.ParentProcessId) $($p.CommandLine)"`
  const text = await (process.platform === 'win32'
    ? ask('powershell', ['-NoProfile', '-Command', query])
    : ask('ps', ['-o', 'ppid=,command=', '-p', String(pid)]))
  const [, parent, command = ''] = /^\s*(\d+) (.*)$/s.exec(text ?? '') ?? []
  return parent ? { parent: Number(parent), command } : undefined
}
