import * as check from '../options/rules.js'
import { readField } from './fields.js'

/** Whether a request wants the ids of the tokens of its answers. vLLM's field. */
export const showsTokens = (body: Readonly<Record<string, unknown>>): boolean =>
  (readField(body, 'return_token_ids', check.boolean) ?? false) as boolean

/** vLLM's field of a choice. */
export const tokenIds = (
  shows: boolean,
  { tokens }: { tokens: readonly number[] },
): { token_ids?: readonly number[] } => (shows ? { token_ids: tokens } : {})
