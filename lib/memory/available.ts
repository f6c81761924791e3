import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'

/**
 * Bytes of memory that this process can still take: what the machine has free, within what its container or control group allows. Pages
 * of files count as free there, as they do in the machine: a model that was just downloaded must not stand in its own way.
 */
export function availableMemory(): number {
  if (process.platform !== 'linux') return Math.min(freemem(), process.availableMemory())
  return Math.min(freemem(), controlGroupRoom('/'))
}

/**
 * Bytes that the control groups of this process leave, Infinity when none has a limit: version 2 (`memory.max`) and 1.
 * @param root of the file system
 */
export function controlGroupRoom(root: string): number {
  const groups = text(join(root, 'proc/self/cgroup')) ?? ''
  const rooms = groups.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) return []
    const mount = controllers === '' ? '' : controllers.split(',').includes('memory') ? 'memory' : undefined
    if (mount === undefined) return []
    // A limit of any ancestor holds; inside a container the path may be the host's, and only the root is there.
    const parts = path.split('/').filter((part) => part !== '')
    return [...parts.keys(), parts.length].map((count) =>
      groupRoom(join(root, 'sys/fs/cgroup', mount, ...parts.slice(0, count))),
    )
  })
  return Math.min(Number.POSITIVE_INFINITY, ...rooms)
}

function groupRoom(folder: string): number {
  const number = (name: string): number => Number(text(join(folder, name))?.trim() || Number.NaN)
  const limit = [number('memory.max'), number('memory.limit_in_bytes')].find(Number.isFinite)
  const used = [number('memory.current'), number('memory.usage_in_bytes')].find(Number.isFinite)
  if (limit === undefined || used === undefined) return Number.POSITIVE_INFINITY
  const stat = text(join(folder, 'memory.stat')) ?? ''
  const field = (name: string): number | undefined => {
    const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  const files = ['inactive_file', 'active_file'].map((name) => field(`total_${name}`) ?? field(name) ?? 0)
  return Math.max(0, limit - used + files.reduce((sum, bytes) => sum + bytes, 0))
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
