import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadAddon } from '../addon/load.js'
import { LLMError } from '../errors.js'
import { isSystemError } from '../file-error.js'

/** libuv's UV_FS_O_EXLOCK: on Windows nobody else can open the file, on macOS it is flock(2). */
const exclusive = process.platform === 'win32' ? 0x10000000 : 0x20
/** Milliseconds between two attempts: no system tells when a lock is free without holding a thread. */
const interval = 100

/**
 * Takes the lock of a file that Python's `filelock` takes too: flock(2), on Windows the file itself. It ends with the handle, and so with
 * the process, however that ends. The file stays, so that all wait for the same one.
 *
 * @param onWait called once when another process holds it
 * @returns undefined where there are no such locks: on Linux without this package's addon, on some network file systems
 * @throws what the file system says; `signal.reason` when aborted
 */
export async function lockFile(
  path: string,
  onWait: () => void,
  signal?: AbortSignal,
): Promise<FileHandle | undefined> {
  await mkdir(dirname(path), { recursive: true })
  const attempt = process.platform === 'win32' || process.platform === 'darwin' ? byOpening : byFlock()
  for (let waiting = false; attempt; ) {
    signal?.throwIfAborted()
    const held = await attempt(path)
    if (held !== 'busy') return held
    if (!waiting) onWait()
    waiting = true
    await sleep(interval, undefined, { signal }).catch(() => signal?.throwIfAborted())
  }
  return undefined
}

type Attempt = (path: string) => Promise<FileHandle | 'busy' | undefined>

/** Linux gives no lock with a file that is opened, and Node has no flock(2). */
function byFlock(): Attempt | undefined {
  let tryFileLock: ReturnType<typeof loadAddon>['tryFileLock']
  try {
    tryFileLock = loadAddon().tryFileLock
  } catch (error) {
    // Whoever only downloads need not have it.
    if (error instanceof LLMError) return undefined
    throw error
  }
  return async (path) => {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o664)
    try {
      const held = tryFileLock(file.fd)
      if (held && (await isStill(file, path))) return file
      await file.close()
      return held === undefined ? undefined : 'busy'
    } catch (error) {
      await file.close()
      throw error
    }
  }
}

/** Some versions of Python's `filelock` remove the file of a lock with the lock. Whoever comes then makes and locks another one. */
export async function isStill(file: FileHandle, path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined)
  return there?.ino === (await file.stat()).ino
}

const byOpening: Attempt = async (path) => {
  const flags = constants.O_RDWR | constants.O_CREAT | exclusive | (constants.O_NONBLOCK ?? 0)
  try {
    return await open(path, flags, 0o664)
  } catch (error) {
    if (isSystemError(error) && ['EAGAIN', 'EWOULDBLOCK', 'EBUSY'].includes(error.code ?? '')) return 'busy'
    throw error
  }
}
