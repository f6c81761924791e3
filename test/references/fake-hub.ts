import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LLMError } from '#lib/errors.js'
import type { HubRequest, HubSource } from '#lib/references/hub-source.js'

/** Stands in for the hub: repositories are folders that it writes, and it remembers what it was asked for. */
export class FakeHub implements HubSource {
  readonly asked: Pick<HubRequest, 'repo' | 'revision' | 'offline'>[] = []
  readonly fetched: string[] = []
  /** What asking for a text rejects with. */
  failure: LLMError | undefined
  readonly #folder: string
  readonly #repositories: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly #pages: Readonly<Record<string, string>>

  /** @param repositories files by repository, with their texts; @param pages texts by URL */
  constructor(
    folder: string,
    repositories: Readonly<Record<string, Readonly<Record<string, string>>>>,
    pages: Readonly<Record<string, string>> = {},
  ) {
    this.#folder = folder
    this.#repositories = repositories
    this.#pages = pages
  }

  async snapshot({
    repo,
    revision,
    offline,
    select,
    onProgress,
  }: HubRequest): Promise<{ folder: string; commit: string }> {
    this.asked.push({ repo, revision, offline })
    const files = this.#repositories[repo]
    if (!files) throw new LLMError('ERR_MODEL_NOT_FOUND', `${repo}: no such repository`)
    const folder = join(this.#folder, repo)
    for (const path of select(Object.entries(files).map(([path, text]) => ({ path, size: text.length })))) {
      this.fetched.push(`${repo}/${path}`)
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), files[path] as string)
    }
    onProgress?.({ done: 1, total: 1 })
    return { folder, commit: commitOf(repo) }
  }

  async stored(name: string): Promise<string[]> {
    return Object.keys(this.#repositories).flatMap((repo) => (repo.split('/')[1] === name ? [`hf://${repo}`] : []))
  }

  async text(url: string): Promise<string> {
    if (this.failure) throw this.failure
    const text = this.#pages[url]
    if (text === undefined) throw new LLMError('ERR_MODEL_NOT_FOUND', `${url}: not found`)
    return text
  }
}

/** Of the one commit of a repository. */
export const commitOf = (repo: string): string => Buffer.from(repo.padEnd(20, '.')).toString('hex').slice(0, 40)
