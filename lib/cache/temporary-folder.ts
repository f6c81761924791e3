import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** Process ids mean nothing on another machine that shares the folder (a home directory on a network), so names carry the host too. */
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const temporaryName = /\.tmp-(\d+)-([0-9a-f]{8})-[0-9a-f]{12}$/

/**
 * Lets `work` fill a new folder beside `target`, then makes it `target` in one step: nobody ever sees half a folder, also when
 * several processes do this at once or one of them dies.
 *
 * @param work gets the path of the new, empty folder
 * @returns false when another process was first; `target` is then theirs, untouched
 * @throws what `work` or the file system throws; nothing is left behind
 */
export async function fillFolder(target: string, work: (folder: string) => Promise<void>): Promise<boolean> {
  const folder = `${target}.tmp-${process.pid}-${host}-${randomBytes(6).toString('hex')}`
  await mkdir(folder)
  try {
    await work(folder)
    return await place(folder, target)
  } finally {
    // Work that was aborted may still write for a moment on its own thread: hence the retries. After place() nothing is there.
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }
}

/** Moves a folder out of the way in one step and deletes it. */
export async function discardFolder(folder: string): Promise<void> {
  const away = `${folder}.tmp-${process.pid}-${host}-${randomBytes(6).toString('hex')}`
  await rename(folder, away)
  await rm(away, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}

/** Deletes what processes of this machine that no longer run have left beside `target`. */
export async function removeStale(target: string): Promise<void> {
  for (const name of await readdir(dirname(target))) {
    const [, pid, owner] = temporaryName.exec(name) ?? []
    if (!name.startsWith(`${basename(target)}.tmp-`) || owner !== host || isRunning(Number(pid))) continue
    await rm(join(dirname(target), name), { recursive: true, force: true })
  }
}

async function place(folder: string, target: string): Promise<boolean> {
  try {
    // Windows does not rename onto an empty folder; a full one is not removed by this.
    await rmdir(target).catch(() => undefined)
    await rename(folder, target)
    return true
  } catch (error) {
    if (await isTaken(target)) return false
    throw error
  }
}

async function isTaken(target: string): Promise<boolean> {
  return (await readdir(target).catch((): string[] => [])).length > 0
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as another user.
    return error instanceof Error && 'code' in error && error.code !== 'ESRCH'
  }
}
