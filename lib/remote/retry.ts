/** Seconds that are waited at most, when a server asks to wait. */
const longest = 60

/** Seconds after which a server says that it may be asked again; undefined when it says nothing that can be understood. */
export function retryAfterOf(headers: Readonly<Record<string, unknown>>, now: number): number | undefined {
  const said = headers['retry-after']
  if (typeof said !== 'string') return undefined
  const seconds = /^\d+(\.\d+)?$/.test(said) ? Number(said) : (Date.parse(said) - now) / 1000
  return Number.isFinite(seconds) ? Math.max(seconds, 0) : undefined
}

/**
 * Milliseconds before the next attempt; undefined when it is not worth waiting for.
 * @param attempt how many have failed before this one
 * @param chance from 0 to 1: up to a quarter of the time is taken off, so that not all who were turned away come back at once
 */
export function retryDelay(attempt: number, retryAfter: number | undefined, chance: number): number | undefined {
  if (retryAfter !== undefined) return retryAfter <= longest ? retryAfter * 1000 : undefined
  return Math.min(500 * 2 ** attempt, 8000) * (1 - chance / 4)
}
