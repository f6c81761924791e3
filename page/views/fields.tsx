import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface Field<T> {
  label: string
  value: T
  onChange: (value: T) => void
  hint?: string | undefined
}

/** A field with its name above, and a hint or what is wrong below. The hint describes the field and is no part of its name. */
function Frame({
  label,
  hint,
  problem,
  children,
}: {
  label: string
  hint?: string | undefined
  problem?: string | undefined
  children: (ids: { id: string; 'aria-describedby': string }) => ComponentChildren
}) {
  const id = useId()
  const below = problem ?? hint
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': `${id}-hint` })}
      <small id={`${id}-hint`} class={problem === undefined ? '' : 'wrong'}>
        {below}
      </small>
    </div>
  )
}

/** A number; empty is null. What the browser finds wrong is not taken. The browser keeps what is typed, such as `1.`, which is no number yet. */
export function NumberField({
  label,
  value,
  onChange,
  hint,
  min,
  max,
  step,
}: Field<number | null> & { min: number; max?: number; step: number }) {
  return (
    <Frame label={label} hint={hint}>
      {(ids) => (
        <input
          {...ids}
          type="number"
          inputMode="decimal"
          placeholder="default"
          min={min}
          max={max}
          step={step === 1 ? 1 : 'any'}
          defaultValue={value ?? ''}
          onInput={({ currentTarget }) => {
            if (currentTarget.validity.valid) onChange(currentTarget.value === '' ? null : currentTarget.valueAsNumber)
          }}
        />
      )}
    </Frame>
  )
}

export function TextField({ label, value, onChange, hint, rows }: Field<string> & { rows: number }) {
  return (
    <Frame label={label} hint={hint}>
      {(ids) => (
        <textarea {...ids} rows={rows} value={value} onInput={({ currentTarget }) => onChange(currentTarget.value)} />
      )}
    </Frame>
  )
}

/** A text that should be JSON. */
export function JsonField({
  label,
  value,
  onChange,
  hint,
  placeholder,
  problem,
}: Field<string> & { placeholder: string; problem: string | undefined }) {
  return (
    <Frame label={label} hint={hint} problem={problem}>
      {(ids) => (
        <textarea
          {...ids}
          class="mono"
          rows={5}
          spellcheck={false}
          placeholder={placeholder}
          value={value}
          aria-invalid={problem !== undefined}
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
        />
      )}
    </Frame>
  )
}

export function SelectField<T extends string>({
  label,
  value,
  onChange,
  options,
}: Field<T> & { options: Readonly<Record<T, string>> }) {
  return (
    <Frame label={label}>
      {(ids) => (
        <select {...ids} value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as T)}>
          {Object.entries<string>(options).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Frame>
  )
}
