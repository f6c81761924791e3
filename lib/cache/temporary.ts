import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'

/** A process id means nothing on another machine that shares the folder, such as a home directory on a network. So names hold the host too. */
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const ourName = /\.tmp-(\d+)-([0-9a-f]{8})-[0-9a-f]{12}$/
/** Of the addon's packed weights, and of earlier versions. */
const otherName = /\.\d+\.tmp$/
/** Milliseconds after which nobody still writes what has such a name. */
const longest = 24 * 60 * 60 * 1000

/**
 * Lets `work` fill a new folder beside `target`, then makes it `target` in one step: nobody ever sees half a folder, even when
 * several processes do this at once or one of them dies.
 *
 * @param work gets the path of the new, empty folder
 * @returns false when another process was first; `target` is then theirs, untouched
 * @throws what `work` or the file system throws; nothing is left behind
 */
export async function fillFolder(target: string, work: (folder: string) => Promise<void>): Promise<boolean> {
  const folder = temporaryBeside(target)
  await mkdir(folder)
  try {
    await work(folder)
    return await place(folder, target)
  } finally {
    await remove(folder)
  }
}

/** Writes a file in one step: nobody ever reads half of it. The last of several writers wins. */
export async function replaceFile(target: string, text: string): Promise<void> {
  const temporary = temporaryBeside(target)
  try {
    await writeFile(temporary, text)
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

/** Moves a file or folder out of the way in one step, and deletes it. */
export async function discard(target: string): Promise<void> {
  const away = temporaryBeside(target)
  await rename(target, away)
  await remove(away)
}

/** Whether a name is a temporary one. */
export function isTemporary(name: string): boolean {
  return ourName.test(name) || otherName.test(name)
}

/**
 * Whether nobody will finish what has this temporary name: its process has ended, or it is a day old.
 * @param modified milliseconds since 1970
 */
export function isAbandoned(name: string, modified: number): boolean {
  const [, pid, owner] = ourName.exec(name) ?? []
  if (owner === host) return !isRunning(Number(pid))
  return isTemporary(name) && Date.now() - modified > longest
}

function temporaryBeside(target: string): string {
  return `${target}.tmp-${process.pid}-${host}-${randomBytes(6).toString('hex')}`
}

/** Work that was aborted may still write for a moment on its own thread: hence the retries. */
function remove(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
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
