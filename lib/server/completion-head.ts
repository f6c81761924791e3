import { nowInSeconds } from './clock.js'
import type { NamedModel } from './models.js'

/** What a completion, and each chunk of one, begin with. */
export function completionHead(object: string, id: string, { name, fingerprint }: NamedModel) {
  return { id, object, created: nowInSeconds(), model: name, system_fingerprint: fingerprint }
}
