import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, realpath, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { cacheRoot } from '../cache/root.js'
import { LLMError } from '../errors.js'
import type { Download, ModelYaml } from '../model-yaml/settings.js'
import { type HubReference, parseReference } from './reference.js'

/** Gives the folder of a snapshot that holds these files. */
export type FetchFiles = (of: Pick<HubReference, 'repo' | 'revision'>, paths: readonly string[]) => Promise<string>

interface Placed extends Download {
  from: HubReference
}

/**
 * Downloads the files of a model.yaml and puts links to them into a folder of the cache, under the names that it gives them.
 * @returns that folder
 * @throws LLMError `ERR_MODEL_INVALID` for a URI that is no file of the hub, `ERR_INTEGRITY` for another SHA-256, `ERR_CACHE`, and what
 * `fetchFiles` throws
 */
export async function placeDownloads(
  yaml: Pick<ModelYaml, 'file' | 'downloads'>,
  fetchFiles: FetchFiles,
  signal: AbortSignal | undefined,
  root = cacheRoot(),
): Promise<string> {
  const files = yaml.downloads.map((download, i): Placed => ({ ...download, from: fileOfHub(yaml.file, download, i) }))
  const groups = new Map<string, Placed[]>()
  for (const one of files) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  const found: { filename: string; path: string }[] = []
  for (const group of groups.values()) {
    const { from } = group[0] as Placed
    const folder = await fetchFiles(
      from,
      group.map((one) => one.from.path),
    )
    for (const { filename, sha256, from } of group) {
      const path = await realpath(join(folder, from.path))
      if (sha256 !== '') await requireHash(yaml.file, filename, path, sha256, signal)
      found.push({ filename, path })
    }
  }
  const name = createHash('sha256').update(JSON.stringify(found)).digest('hex').slice(0, 32)
  const folder = join(root, 'model-yaml', name)
  try {
    for (const { filename, path } of found) await linkTo(path, join(folder, filename))
  } catch (cause) {
    throw new LLMError('ERR_CACHE', `${folder}: cannot be written (${(cause as Error).message})`, { cause })
  }
  return folder
}

const keyOf = ({ from }: Placed): string => `${from.repo}@${from.revision ?? ''}`

function fileOfHub(file: string, { uri }: Download, i: number): HubReference {
  const parsed = parseReference(uri)
  if (parsed.kind === 'hub' && parsed.explicit && parsed.path !== '') return parsed
  throw new LLMError(
    'ERR_MODEL_INVALID',
    `${file}: expected "download_files[${i}].uri" to be a file of the hub (huggingface://owner/repo/path), found ${JSON.stringify(uri.slice(0, 80))}`,
  )
}

/** The cache calls large files by their SHA-256, which was compared while they were written; others are read. */
async function requireHash(
  file: string,
  filename: string,
  path: string,
  sha256: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let found = basename(path)
  if (!/^[0-9a-f]{64}$/.test(found)) {
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash, { signal })
    found = hash.digest('hex')
  }
  if (found !== sha256)
    throw new LLMError('ERR_INTEGRITY', `${file}: expected ${filename} to have the SHA-256 ${sha256}, found ${found}`)
}

/** Windows may refuse symbolic links, and another volume hard ones. Several processes may do the same. */
async function linkTo(path: string, place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true })
  for (const make of [symlink, link]) {
    try {
      return await make(path, place)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EEXIST') return
      if (make === link) throw error
    }
  }
}
