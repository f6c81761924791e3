import { useState } from 'preact/hooks'
import type { ToolCall } from '../chats/chat.js'

/** Asks for what the tools of an answer give: the page runs none. */
export function ToolResults({
  calls,
  onSend,
}: {
  calls: readonly ToolCall[]
  onSend: (results: ReadonlyMap<string, string>) => void
}) {
  const [results, setResults] = useState<ReadonlyMap<string, string>>(new Map())
  return (
    <form
      class="turn results"
      aria-label="Results of the tools"
      onSubmit={(event) => {
        event.preventDefault()
        onSend(results)
      }}
    >
      {calls.map(({ id, name }) => (
        <label key={id} class="field">
          <span>
            Result of <code>{name}</code>
          </span>
          <textarea
            rows={2}
            value={results.get(id) ?? ''}
            onInput={({ currentTarget }) => setResults(new Map(results).set(id, currentTarget.value))}
          />
        </label>
      ))}
      <div class="row end">
        <button type="submit" class="primary">
          Send results
        </button>
      </div>
    </form>
  )
}
