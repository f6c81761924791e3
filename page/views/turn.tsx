import { useState } from 'preact/hooks'
import type { AssistantTurn, ToolCall, Turn } from '../chats/chat.js'
import { CopyButton } from './copy-button.js'
import { FiguresLine } from './figures.js'
import { IconButton } from './icons.js'
import { CodeBlock, Markdown } from './markdown.js'

interface Actions {
  /** Undefined where it cannot be done now. */
  onEdit?: ((text: string) => void) | undefined
  onRetry?: (() => void) | undefined
}

/** What one side said. */
export function TurnView({ turn, isComing, onEdit, onRetry }: { turn: Turn; isComing: boolean } & Actions) {
  switch (turn.role) {
    case 'user':
      return <Question text={turn.text} onEdit={onEdit} />
    case 'tool':
      return (
        <article class="turn">
          <h2 class="unseen">Result of a tool</h2>
          <details class="fold">
            <summary>Result of the tool</summary>
            <CodeBlock language="" text={turn.text} />
          </details>
        </article>
      )
    case 'assistant':
      return <AnswerView turn={turn} isComing={isComing} onRetry={onRetry} />
  }
}

function Question({ text, onEdit }: { text: string } & Pick<Actions, 'onEdit'>) {
  const [draft, setDraft] = useState<string>()
  if (draft !== undefined && onEdit) {
    const save = () => {
      setDraft(undefined)
      onEdit(draft)
    }
    return (
      <form
        class="turn edit"
        aria-label="Edit the question"
        onSubmit={(event) => {
          event.preventDefault()
          save()
        }}
      >
        <textarea
          aria-label="Question"
          value={draft}
          rows={Math.min(12, draft.split('\n').length + 1)}
          ref={focusOnce}
          onInput={({ currentTarget }) => setDraft(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape') setDraft(undefined)
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) save()
          }}
        />
        <div class="row end">
          <button type="button" onClick={() => setDraft(undefined)}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={draft.trim() === ''}>
            Ask again
          </button>
        </div>
      </form>
    )
  }
  return (
    <article class="turn question">
      <h2 class="unseen">You</h2>
      <div class="bubble">{text}</div>
      <div class="actions">
        <CopyButton label="Copy question" text={text} />
        {onEdit && <IconButton icon="edit" label="Edit question" onClick={() => setDraft(text)} />}
      </div>
    </article>
  )
}

/** Takes the focus when it appears, and not again. */
function focusOnce(area: HTMLTextAreaElement | null): void {
  if (!area || area.dataset['focused']) return
  area.dataset['focused'] = 'yes'
  area.focus()
  area.setSelectionRange(area.value.length, area.value.length)
}

function AnswerView({
  turn,
  isComing,
  onRetry,
}: { turn: AssistantTurn; isComing: boolean } & Pick<Actions, 'onRetry'>) {
  const { text, reasoning, toolCalls, model, json, error } = turn
  const isEmpty = text === '' && reasoning === '' && toolCalls.length === 0
  return (
    <article class="turn answer" aria-busy={isComing}>
      <h2 class="unseen">{model === '' ? 'Answer' : `Answer of ${model}`}</h2>
      {reasoning !== '' && (
        <details class="fold">
          <summary>{isComing && text === '' ? 'Reasoning…' : 'Reasoning'}</summary>
          <Markdown text={reasoning} />
        </details>
      )}
      {text !== '' && (json ? <CodeBlock language="json" text={indented(text)} /> : <Markdown text={text} />)}
      {toolCalls.map((call, i) => (
        <ToolCallView key={i} call={call} />
      ))}
      {isComing && isEmpty && (
        <p class="waiting">
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          Reading the prompt…
        </p>
      )}
      {error !== undefined && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {!isComing && (
        <div class="actions">
          {text !== '' && <CopyButton label="Copy answer" text={text} />}
          {onRetry && <IconButton icon="retry" label="Answer again" onClick={onRetry} />}
          <FiguresLine turn={turn} />
        </div>
      )}
    </article>
  )
}

function ToolCallView({ call: { name, arguments: given } }: { call: ToolCall }) {
  return (
    <details class="fold">
      <summary>
        Calls <code>{name}</code>
      </summary>
      <CodeBlock language="json" text={indented(given)} />
    </details>
  )
}

/** JSON on several lines, once it is whole. */
function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** Says what a screen reader should read of an answer that has ended. */
export function spoken({ text, toolCalls, error }: AssistantTurn): string {
  if (error !== undefined) return `Failed: ${error}`
  const calls = toolCalls.map(({ name }) => `Calls ${name}.`).join(' ')
  return `Answer: ${text} ${calls}`.trim()
}
