/** A prompt as the model sees it. */
export interface EncodedPrompt {
  tokens: Int32Array
  /** The rendered text, or the given one. */
  text: string
  /**
   * What was done about the beginning-of-sequence token. `file`: the files decided; `kept`: the prompt was as the
   * policy asks; `added`: the token was missing; `removed`: there were too many.
   */
  bos: 'file' | 'kept' | 'added' | 'removed'
  /** How many messages `maxTokens` dropped. */
  droppedMessages: number
  /** Roles of the messages with text that the template did not render, e.g. `['system']`. */
  ignoredRoles: string[]
}
