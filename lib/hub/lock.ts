import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isSystemError } from '../file-error.js'

/** libuv's UV_FS_O_EXLOCK: on Windows nobody else can open the file, on macOS it is flock(2). */
const exclusive = process.platform === 'win32' ? 0x10000000 : 0x20
/** Milliseconds between two attempts where waiting would hold a thread of libuv's pool. */
const interval = 200

/**
 * Takes the lock of a file that Python's `filelock` takes too: flock(2), on Windows the file itself. It ends with the handle, and so with
 * the process, however that ends. The file stays, so that all wait for the same one.
 *
 * @param onWait called once when another process holds it
 * @returns undefined where there are no such locks: on Linux without the program `flock`, on some network file systems
 * @throws what the file system says; `signal.reason` when aborted
 */
export async function lockFile(
  path: string,
  onWait: () => void,
  signal?: AbortSignal,
): Promise<FileHandle | undefined> {
  await mkdir(dirname(path), { recursive: true })
  if (process.platform === 'win32' || process.platform === 'darwin') return lockByOpening(path, onWait, signal)
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o664)
  try {
    let held = await flock(file, ['-n'], signal)
    if (held === false) {
      onWait()
      held = await flock(file, [], signal)
    }
    if (held) return file
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  return undefined
}

/**
 * Node has no flock(2), but the program `flock` locks a descriptor that it inherits. The lock belongs to what is open, not to the program,
 * so it outlives the program.
 *
 * @returns whether it is held; undefined when there are no such locks
 */
async function flock(file: FileHandle, flags: string[], signal?: AbortSignal): Promise<boolean | undefined> {
  signal?.throwIfAborted()
  const child = spawn('flock', [...flags, '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] })
  const stop = (): unknown => child.kill()
  signal?.addEventListener('abort', stop)
  try {
    const [code] = await once(child, 'exit')
    signal?.throwIfAborted()
    if (code === 0) return true
    return code === 1 && flags.length > 0 ? false : undefined
  } catch (error) {
    if (isSystemError(error) && error.syscall?.startsWith('spawn')) return undefined
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

async function lockByOpening(path: string, onWait: () => void, signal?: AbortSignal): Promise<FileHandle> {
  const flags = constants.O_RDWR | constants.O_CREAT | exclusive | (constants.O_NONBLOCK ?? 0)
  for (let waiting = false; ; waiting = true) {
    signal?.throwIfAborted()
    try {
      return await open(path, flags, 0o664)
    } catch (error) {
      const busy = isSystemError(error) && ['EAGAIN', 'EWOULDBLOCK', 'EBUSY'].includes(error.code ?? '')
      if (!busy) throw error
      if (!waiting) onWait()
      await sleep(interval, undefined, { signal }).catch(() => signal?.throwIfAborted())
    }
  }
}
