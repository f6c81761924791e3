import { homedir, hostname, tmpdir, userInfo } from 'node:os'

/** What must not leave the machine. */
export interface Identity {
  user: string
  host: string
  /** The user's folder, and others that may lie anywhere. */
  folders: readonly string[]
  env: NodeJS.ProcessEnv
}

/** Of this process. */
export function identity(folders: readonly string[] = []): Identity {
  return {
    user: userName(),
    host: hostname(),
    folders: [...folders, homedir(), process.cwd(), tmpdir()],
    env: process.env,
  }
}

/** In a container the user may have a number only. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return ''
  }
}

/** Folders of the system itself: what lies there is the same for everybody. */
const system = '(?:usr|lib|lib64|opt|etc|dev|proc|sys|run|bin|sbin|nix|snap)\\b'
/** A path as messages have them: up to what ends it in a sentence. Spaces belong to it, because folders may have them. */
const rest = String.raw`[^:'"()<>,;\n]*`
const paths = [
  new RegExp(String.raw`(?<![\w/.\-])[A-Za-z]:[\\/](?!Windows[\\/]|Program Files)${rest}`, 'g'),
  new RegExp(String.raw`(?<![\w/\\])\\\\${rest}`, 'g'),
  new RegExp(String.raw`(?<![\w/.\-<>:])~?/(?!${system})(?=[^\s/])${rest}`, 'g'),
  new RegExp(`file://${rest}`, 'g'),
]
const secretName = /TOKEN|KEY|SECRET|PASS|CREDENTIAL|AUTH|COOKIE|_PAT$/i
/** Words that are on every machine. */
const common = new Set(['root', 'localhost', 'user', 'node'])

/**
 * A function that takes from a text what tells who and where somebody is: paths outside the system's own folders, user and host name,
 * values of environment variables with a name like TOKEN or KEY, and passwords in addresses.
 */
export function withoutIdentity({ user, host, folders, env }: Identity): (text: string) => string {
  const secrets = Object.entries(env).flatMap(([name, value]) =>
    secretName.test(name) && value !== undefined && value.length >= 6 ? [value] : [],
  )
  const names = [user, host, host.split('.')[0] ?? ''].filter((name) => name.length > 1 && !common.has(name))
  const places = folders.filter((folder) => folder.length > 1).sort((a, b) => b.length - a.length)
  return (text) => {
    let cleaned = text
    for (const secret of secrets) cleaned = cleaned.replaceAll(secret, '<secret>')
    cleaned = cleaned.replace(/:\/\/[^\s/@]+@/g, '://<secret>@')
    for (const place of places) cleaned = cleaned.replace(new RegExp(literally(place) + rest, 'g'), '<path>')
    for (const path of paths) cleaned = cleaned.replace(path, '<path>')
    for (const name of names) cleaned = cleaned.replace(new RegExp(`(?<!\\w)${literally(name)}(?!\\w)`, 'g'), '<name>')
    return cleaned
  }
}

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
