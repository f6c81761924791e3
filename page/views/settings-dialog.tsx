import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { jsonProblem } from '../api/request.js'
import { type ChatSettings, defaultSettings } from '../chats/chat.js'
import type { Session } from '../session.js'
import { Dialog } from './dialog.js'
import { JsonField, NumberField, SelectField, TextField } from './fields.js'
import type { ThemeChoice } from './theme.js'

/** Numbers that change how tokens are chosen. Empty leaves one to the server. */
const numbers = [
  { name: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.1, hint: '0 always takes the likeliest token' },
  { name: 'maxTokens', label: 'Max tokens', min: 1, step: 1, hint: 'of an answer' },
  { name: 'topP', label: 'Top p', min: 0.01, max: 1, step: 0.01, hint: 'likeliest tokens up to this sum' },
  { name: 'topK', label: 'Top k', min: 0, step: 1, hint: 'so many likeliest tokens; 0 is all' },
  { name: 'minP', label: 'Min p', min: 0, max: 1, step: 0.01, hint: 'share of the likeliest one' },
  { name: 'repetitionPenalty', label: 'Repetition penalty', min: 0.1, max: 2, step: 0.05, hint: '1 is none' },
  { name: 'presencePenalty', label: 'Presence penalty', min: -2, max: 2, step: 0.1, hint: '0 is none' },
  { name: 'frequencyPenalty', label: 'Frequency penalty', min: -2, max: 2, step: 0.1, hint: '0 is none' },
  { name: 'seed', label: 'Seed', min: 0, step: 1, hint: 'the same one gives the same answer' },
] as const satisfies readonly { name: keyof ChatSettings; [other: string]: unknown }[]

/** How this chat is asked, and how the page looks. */
export function SettingsDialog({
  session,
  theme: { theme, choose },
  onClose,
}: {
  session: Session
  theme: ThemeChoice
  onClose: () => void
}) {
  const { settings } = session.chat
  const [resets, setResets] = useState(0)
  const set = (name: keyof ChatSettings) => (value: string | number | null) => session.set({ [name]: value })
  return (
    <Dialog title="Settings" kind="side" onClose={onClose}>
      <Group title="This chat">
        <TextField label="System prompt" rows={4} value={settings.system} onChange={set('system')} />
        <SelectField
          label="Reasoning"
          value={settings.reasoning}
          options={{ '': "the model's own", none: 'off', low: 'low', medium: 'medium', high: 'high' }}
          onChange={set('reasoning')}
        />
      </Group>
      <Group title="Sampling">
        <div class="grid">
          {numbers.map((number) => (
            <NumberField
              key={`${number.name} ${resets}`}
              {...number}
              value={settings[number.name]}
              onChange={set(number.name)}
            />
          ))}
        </div>
        <TextField
          label="Stop texts"
          hint="One a line: the answer ends before any of them."
          rows={2}
          value={settings.stop}
          onChange={set('stop')}
        />
      </Group>
      <Group title="Form of the answer">
        <SelectField
          label="Format"
          value={settings.format}
          options={{ text: 'text', json: 'JSON', schema: 'JSON Schema' }}
          onChange={set('format')}
        />
        {settings.format === 'schema' && (
          <JsonField
            label="JSON Schema"
            placeholder={'{ "type": "object", "properties": { "city": { "type": "string" } } }'}
            value={settings.schema}
            problem={jsonProblem(settings.schema, (value) => typeof value === 'object' && value !== null)}
            onChange={set('schema')}
          />
        )}
        <JsonField
          label="Tools"
          hint="Functions in OpenAI's form, as a JSON array. You are asked for their results."
          placeholder={'[{ "type": "function", "function": { "name": "weather", "parameters": {} } }]'}
          value={settings.tools}
          problem={settings.tools.trim() === '' ? undefined : jsonProblem(settings.tools, Array.isArray)}
          onChange={set('tools')}
        />
      </Group>
      <Group title="This page">
        <SelectField
          label="Colours"
          value={theme}
          options={{ '': "the system's", light: 'light', dark: 'dark' }}
          onChange={choose}
        />
      </Group>
      <div class="row end">
        <button
          type="button"
          onClick={() => {
            session.set({ ...defaultSettings, model: settings.model })
            setResets(resets + 1)
          }}
        >
          Reset this chat's settings
        </button>
      </div>
    </Dialog>
  )
}

function Group({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {children}
    </fieldset>
  )
}
