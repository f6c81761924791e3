/** What becomes known of a tool call while a model writes it. Between `start` and `end` come the pieces of its arguments. */
export type CallEvent =
  | { type: 'start'; name: string; id?: string | undefined }
  | { type: 'delta'; argumentsText: string }
  /** Its arguments are complete: the deltas together are JSON. */
  | { type: 'end' }
