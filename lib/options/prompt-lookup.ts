import type { GenerationOptions } from './options.js'

/** The addon's two fields of prompt lookup; both 0 without it. */
export interface Lookup {
  lookupNgram: number
  lookupTokens: number
}

/** Prompt lookup as a request asks for it. */
export function resolveLookup(promptLookup: GenerationOptions['promptLookup']): Lookup {
  if (promptLookup === undefined || promptLookup === false) return { lookupNgram: 0, lookupTokens: 0 }
  const { maxNgram = 3, maxTokens = 16 } = promptLookup === true ? {} : promptLookup
  return { lookupNgram: maxNgram, lookupTokens: maxTokens }
}
