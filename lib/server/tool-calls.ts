import type { ToolCall } from '../output/parts.js'

/** Tool calls in OpenAI's form, as chats and their histories have them. */
export function functionCalls(calls: readonly ToolCall[]) {
  return calls.map(({ id, name, arguments: args }) => ({
    id,
    type: 'function' as const,
    function: { name, arguments: JSON.stringify(args) },
  }))
}
