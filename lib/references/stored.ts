import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LLMError } from '../errors.js'
import { hubCache } from '../hub/settings.js'
import { readText } from '../model/model-file.js'
import { readModelYaml } from '../model-yaml/read.js'

/**
 * What is called so in the cache of downloads: repositories whose name behind the owner's it is, in any case of letters; else every
 * model.yaml whose `name` or `alias` it is.
 */
export async function findStored(name: string, cacheDir = hubCache()): Promise<string[]> {
  const folders = (await readdir(cacheDir).catch((): string[] => [])).filter((one) => one.startsWith('models--')).sort()
  const repos = folders.map((one) => ({
    folder: join(cacheDir, one),
    repo: one.slice('models--'.length).replaceAll('--', '/'),
  }))
  const same = repos.filter(({ repo }) => repo.split('/')[1]?.toLowerCase() === name.toLowerCase())
  if (same.length > 0) return same.map(({ repo }) => `hf://${repo}`)
  const described = await Promise.all(repos.map(({ folder, repo }) => yamlsOf(folder, `hf://${repo}`, name)))
  return described.flat()
}

/** The files beside the models of the default branch that describe a model of this name. */
async function yamlsOf(folder: string, repo: string, name: string): Promise<string[]> {
  const commit = (await readFile(join(folder, 'refs', 'main'), 'utf8').catch(() => '')).trim()
  if (!/^[0-9a-f]{40}$/.test(commit)) return []
  const snapshot = join(folder, 'snapshots', commit)
  const files = (await readdir(snapshot).catch((): string[] => [])).filter((file) => /\.ya?ml$/i.test(file)).sort()
  const matching: string[] = []
  for (const file of files) {
    try {
      const yaml = await readModelYaml((await readText(join(snapshot, file))) ?? '', { file, network: true })
      if ([yaml.name, yaml.alias].includes(name)) matching.push(`${repo}/${file}`)
    } catch (error) {
      // Another kind of YAML, or one that cannot be run: it is not what was meant.
      if (!(error instanceof LLMError)) throw error
    }
  }
  return matching
}
