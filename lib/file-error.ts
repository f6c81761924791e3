import { LLMError } from './errors.js'

/** Whether an error comes from the operating system, such as ENOSPC. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error
}

/** Turns a failure to read a file of a model into an error with a code; anything else is returned as it is. */
export function fileError(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new LLMError('ERR_MODEL_NOT_FOUND', `${path}: no such file or folder`, { cause: error })
  if (code === 'EACCES' || code === 'EPERM')
    return new LLMError('ERR_MODEL_UNREADABLE', `${path}: this process has no permission to read it`, { cause: error })
  if (typeof code === 'string')
    return new LLMError('ERR_MODEL_INVALID', `${path}: cannot be read (${code})`, { cause: error })
  return error
}
