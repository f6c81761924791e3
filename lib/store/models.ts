import { basename, dirname, join } from 'node:path'
import { LLMError } from '../errors.js'
import { estimate } from '../loading/estimate.js'
import { ggufNeeds } from '../loading/gguf-needs.js'
import { availableMemory } from '../memory/available.js'
import { readFolder } from '../model/folder.js'
import { conversionOf } from '../model/gguf/cached-model.js'
import { readGgufHeader } from '../model/gguf/metadata.js'
import { partNames } from '../model/gguf/part-names.js'
import type { StoredFile, StoredRepo, StoredRevision } from './scan.js'

/** A model in the cache that this package could load. */
export interface StoredModel {
  /** What loads it: `owner/name`, with `@revision`, `/folder` or `/file.gguf` where needed. */
  reference: string
  repo: string
  commit: string
  /** The folder of the IR, or the GGUF. */
  path: string
  format: 'OpenVINO' | 'GGUF'
  /** Bytes of its files. */
  size: number
  /** When it was last read, in milliseconds since 1970. */
  used: number
  /** Tokens, when its files tell. */
  contextLength: number | undefined
  /** Whether an estimate says that it fits the memory that is free now; undefined when there is no estimate. */
  fits: boolean | undefined
  /** Why it could not be read, or ''. */
  problem: string
}

type Found = Pick<StoredModel, 'path' | 'format'> & { at: string; files: StoredFile[] }

/** The models of repositories, each with what its files and an estimate tell. */
export async function storedModels(repos: readonly StoredRepo[], signal?: AbortSignal): Promise<StoredModel[]> {
  const models: StoredModel[] = []
  for (const { repo, revisions } of repos) {
    for (const revision of revisions) {
      const found = modelsOf(revision)
      for (const { at, path, format, files } of found) {
        const size = files.reduce((sum, file) => sum + file.size, 0)
        const used = Math.max(...files.map((file) => file.used))
        const known = format === 'GGUF' ? await ofGguf(path, size, signal) : await ofFolder(path, signal)
        const reference = `${repo}${revisionOf(revision)}${at === '' ? '' : `/${at}`}`
        models.push({ reference, repo, commit: revision.commit, path, format, size, used, ...known })
      }
    }
  }
  return models
}

/** How a reference names a commit: not at all when it is that of `main`. */
function revisionOf({ commit, refs }: StoredRevision): string {
  if (refs.includes('main')) return ''
  return `@${refs[0] ?? commit}`
}

/** IRs and GGUFs of a commit; the parts of a split GGUF are one. */
function modelsOf({ folder, files }: StoredRevision): Found[] {
  const graphs = files.filter(({ path }) => basename(path) === 'openvino_model.xml')
  const irs = graphs.map((graph): Found => {
    const at = folderOf(graph.path)
    return {
      format: 'OpenVINO',
      at,
      path: join(folder, at),
      files: files.filter(({ path }) => folderOf(path) === at && !isGguf(path)),
    }
  })
  const ggufs = files.filter(({ path }) => isGguf(path) && (partNames(path)?.[0] ?? path) === path)
  return [
    ...irs,
    ...ggufs.map(({ path }): Found => {
      const names = partNames(path) ?? [path]
      const parts = files.filter((file) => names.includes(file.path))
      return { format: 'GGUF', at: path, path: join(folder, path), files: parts }
    }),
  ]
}

const isGguf = (path: string): boolean => /\.gguf$/i.test(path)
const folderOf = (path: string): string => (dirname(path) === '.' ? '' : dirname(path))

type Known = Pick<StoredModel, 'contextLength' | 'fits' | 'problem'>

async function ofFolder(path: string, signal: AbortSignal | undefined): Promise<Known> {
  let contextLength: number | undefined
  try {
    contextLength = (await readFolder(path)).contextLength
    const { fits } = await estimate(path, { signal })
    return { contextLength, fits, problem: '' }
  } catch (error) {
    return { contextLength, fits: undefined, problem: problemOf(error) }
  }
}

/** Converting a GGUF takes long: until that has been done, its header has to do for an estimate. */
async function ofGguf(path: string, size: number, signal: AbortSignal | undefined): Promise<Known> {
  const converted = await conversionOf(path)
  const known = converted === undefined ? undefined : await ofFolder(converted, signal)
  if (known?.problem === '') return known
  try {
    const header = await readGgufHeader(path, { part: true })
    const { total, weights } = ggufNeeds(header, size)
    const contextLength = header.metadata.integer(`${header.architecture}.context_length`, 1)
    return { contextLength, fits: total - weights.mapped <= availableMemory(), problem: '' }
  } catch (error) {
    return { contextLength: undefined, fits: undefined, problem: problemOf(error) }
  }
}

function problemOf(error: unknown): string {
  if (error instanceof LLMError) return error.message
  throw error
}
