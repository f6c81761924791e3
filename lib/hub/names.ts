/** 40 hexadecimal digits: what names one state of a repository for ever. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision)

/**
 * Checks the name of a repository: `owner/name`, or the `name` of the first models of the hub.
 * @throws TypeError
 */
export function checkRepo(repo: string): string {
  const part = /^[\w.-]+$/
  const parts = typeof repo === 'string' ? repo.split('/') : []
  const good = parts.length >= 1 && parts.length <= 2 && repo.length <= 96 && !/--|\.\.|\.git$/.test(repo)
  if (!good || parts.some((each) => !part.test(each) || /^[.-]|[.-]$/.test(each)))
    throw new TypeError(`expected a repository to be "owner/name", received ${JSON.stringify(repo)}`)
  return repo
}

/**
 * Checks a branch, tag or commit. It becomes a path in the cache.
 * @throws TypeError
 */
export function checkRevision(revision: string): string {
  if (typeof revision !== 'string' || revision.length > 200 || !isPath(revision) || /[\s~^:?*[\\]|@\{/.test(revision))
    throw new TypeError(`expected a revision to be a branch, tag or commit, received ${JSON.stringify(revision)}`)
  return revision
}

/** Whether a path stays below the folder that it is relative to, on every system. */
export function isPath(path: string): boolean {
  return (
    path.length <= 1000 &&
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
    !/[\0-\x1f\x7f\\]|^[a-z]:/i.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  )
}
