import type { GenerationOptions } from '../options/generation.js'
import type { SentOptions, SharedOptions } from '../options/shared.js'
import type { Server } from './servers.js'

type OwnOptions = Pick<SharedOptions, Exclude<keyof SharedOptions, keyof SentOptions>>

/** The options that act on this side. */
const ownNames: readonly string[] = [
  'timeout',
  'signal',
  'requestId',
  'filter',
  'onToken',
  'onText',
] satisfies (keyof OwnOptions)[]

/**
 * The options that go to a server, and those that stay here.
 * @throws TypeError that names an option which this server does not take
 */
export function splitOptions(options: GenerationOptions, server: Server): { sent: SentOptions; own: OwnOptions } {
  const set = Object.entries(options).filter(([, value]) => value !== undefined)
  const sent = set.filter(([name]) => !ownNames.includes(name))
  for (const [name] of sent) {
    if (Object.hasOwn(server.fields, name)) continue
    throw new TypeError(`option ${name} cannot be sent: ${server.name} has nothing like it`)
  }
  return {
    sent: withoutHiddenTools(Object.fromEntries(sent)),
    own: Object.fromEntries(set.filter(([name]) => ownNames.includes(name))),
  }
}

/** `toolChoice: 'none'` hides the tools, which servers do in different ways. */
function withoutHiddenTools(options: SentOptions): SentOptions {
  const { tools, toolChoice, parallelToolCalls, ...rest } = options
  return tools === undefined || tools.length === 0 || toolChoice === 'none' ? rest : options
}
