import { LLMError } from '../errors.js'
import { didYouMean } from '../options/rules.js'
import { type Answer, type HubClient, shortText, shown } from './client.js'
import { textOf } from './text-of.js'

/** What was asked for, for the words of an error. */
export interface Asked {
  repo: string
  revision: string
  path?: string
}

/** Bytes of a list of names that is only read to make a suggestion. */
const mostBytes = 1_000_000

/** The error for an answer that is not the one that was asked for. Its body is not read. */
export async function refusal(
  client: HubClient,
  answer: Answer,
  asked: Asked,
  signal?: AbortSignal,
): Promise<LLMError> {
  const { statusCode } = answer
  const reason = String(answer.headers['x-error-code'] ?? '')
  const said = await shortText(answer)
  const page = shown(client.address(...asked.repo.split('/')))
  const words = said === '' ? '' : ` The hub says: ${said}`
  if (reason === 'GatedRepo' || (statusCode === 403 && reason === ''))
    return new LLMError(
      'ERR_ACCESS',
      `${asked.repo}: the repository is gated. Accept its conditions at ${page}${client.hasToken ? ' with the account of the token' : ', then set HF_TOKEN to a token of that account'}.${words}`,
    )
  if (statusCode === 401 || statusCode === 403) {
    const near = client.hasToken ? '' : await nearRepo(client, asked, signal)
    const mend = client.hasToken
      ? 'the token (HF_TOKEN) is not valid or may not read it'
      : 'it is private or does not exist; if it is private, set HF_TOKEN to a token that may read it'
    return new LLMError('ERR_ACCESS', `${asked.repo}: the hub refuses access (${statusCode}): ${mend}${near}.${words}`)
  }
  if (statusCode === 404) {
    if (reason === 'RevisionNotFound') {
      const near = await nearRevision(client, asked, signal)
      return notFound(`${asked.repo}: there is no revision ${JSON.stringify(asked.revision)}${near}`)
    }
    if (reason === 'EntryNotFound' || asked.path !== undefined)
      return notFound(`${asked.repo}@${asked.revision}: there is no file ${JSON.stringify(asked.path)}`)
    return notFound(
      `${asked.repo}: there is no such repository at ${client.endpoint.origin}${await nearRepo(client, asked, signal)}`,
    )
  }
  return new LLMError('ERR_NETWORK', `${shown(answer.url)}: the hub answers ${statusCode}.${words}`)
}

/**
 * The error for a file that a repository does not list, with the nearest that it does.
 * @param known paths of its files
 */
export function noSuchFile({ repo, revision, path }: Required<Asked>, known: readonly string[]): LLMError {
  return notFound(
    `${repo}@${revision}: there is no file ${JSON.stringify(path)}${didYouMean(path, known.slice(0, 200))}`,
  )
}

const notFound = (message: string): LLMError => new LLMError('ERR_MODEL_NOT_FOUND', message)

async function nearRevision(client: HubClient, { repo, revision }: Asked, signal?: AbortSignal): Promise<string> {
  const found = await listed(client, client.address('api', 'models', ...repo.split('/'), 'refs'), signal)
  const { branches = [], tags = [] } = (found ?? {}) as Record<string, unknown>
  const names = [branches, tags].flatMap((each) => (Array.isArray(each) ? each : [])).map((each) => each?.name)
  return suggestion(revision, names)
}

async function nearRepo(client: HubClient, { repo }: Asked, signal?: AbortSignal): Promise<string> {
  const [owner, name] = repo.split('/')
  if (owner === undefined || name === undefined) return ''
  const url = client.address('api', 'models')
  url.search = new URLSearchParams({ author: owner, limit: '200' }).toString()
  const found = await listed(client, url, signal)
  return suggestion(repo, Array.isArray(found) ? found.map((each) => each?.id) : [])
}

function suggestion(name: string, known: readonly unknown[]): string {
  const names = known.filter((each): each is string => typeof each === 'string' && each.length <= 100)
  return names.length === 0 ? '' : didYouMean(name, names)
}

/** What the hub lists there; undefined when it does not: a suggestion is no reason for another error. */
async function listed(client: HubClient, url: URL, signal?: AbortSignal): Promise<unknown> {
  try {
    const answer = await client.get(url, { signal, retries: 0 })
    const text = await textOf(answer, mostBytes)
    return answer.statusCode === 200 ? JSON.parse(text) : undefined
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}
