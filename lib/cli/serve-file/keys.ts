import { readFile } from 'node:fs/promises'
import type { ApiKey } from '../../server/options.js'

/** Bytes that a file of keys may have: about 10,000 keys. */
const maxBytes = 1 << 20

/**
 * Reads a file of API keys: a line for each, with its name, its SHA-256 in hexadecimal digits, and a priority if it has one. Empty lines, and
 * those that begin with `#`, say nothing.
 * @throws TypeError that names file and line; the system's error when the file cannot be read
 */
export async function readKeyFile(file: string): Promise<ApiKey[]> {
  return parseKeys(await readFile(file, 'utf8'), file)
}

export function parseKeys(text: string, file: string): ApiKey[] {
  if (text.length > maxBytes)
    throw new TypeError(`${file}: expected at most ${maxBytes} characters, found ${text.length}`)
  const names = new Set<string>()
  const keys = text.split('\n').flatMap((line, i): ApiKey[] => {
    const words = line.trim().split(/\s+/)
    if (words[0] === '' || words[0]?.startsWith('#')) return []
    const [name = '', sha256 = '', priority = '0', ...others] = words
    // The line itself is not shown: it may hold a key by mistake.
    const wrong = (expected: string) => new TypeError(`${file}: line ${i + 1}: expected ${expected}`)
    if (!/^[0-9a-f]{64}$/i.test(sha256)) throw wrong('a name, then the SHA-256 of the key as 64 hexadecimal digits')
    if (!Number.isFinite(Number(priority)) || others.length > 0) throw wrong('nothing behind the hash but a priority')
    if (names.has(name)) throw wrong(`another name than ${name}, which an earlier line has`)
    names.add(name)
    return [{ name, sha256, ...(words.length > 2 && { priority: Number(priority) }) }]
  })
  if (keys.length === 0) throw new TypeError(`${file}: expected at least one key, found none`)
  return keys
}
