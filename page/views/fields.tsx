import { useId } from 'preact/hooks'

interface Field<T> {
  label: string
  value: T
  onChange: (value: T) => void
  hint?: string | undefined
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
  const id = useId()
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="number"
        inputMode="decimal"
        placeholder="default"
        min={min}
        max={max}
        step={step === 1 ? 1 : 'any'}
        defaultValue={value ?? ''}
        aria-describedby={id}
        onInput={({ currentTarget }) => {
          if (currentTarget.validity.valid) onChange(currentTarget.value === '' ? null : currentTarget.valueAsNumber)
        }}
      />
      <small id={id}>{hint}</small>
    </label>
  )
}

export function TextField({ label, value, onChange, hint, rows }: Field<string> & { rows: number }) {
  const id = useId()
  return (
    <label class="field">
      <span>{label}</span>
      <textarea
        rows={rows}
        value={value}
        aria-describedby={hint && id}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      {hint && <small id={id}>{hint}</small>}
    </label>
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
  const id = useId()
  return (
    <label class="field">
      <span>{label}</span>
      <textarea
        class="mono"
        rows={5}
        spellcheck={false}
        placeholder={placeholder}
        value={value}
        aria-invalid={problem !== undefined}
        aria-describedby={id}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      <small id={id} class={problem === undefined ? '' : 'wrong'}>
        {problem ?? hint}
      </small>
    </label>
  )
}

export function SelectField<T extends string>({
  label,
  value,
  onChange,
  options,
}: Field<T> & { options: Readonly<Record<T, string>> }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as T)}>
        {Object.entries<string>(options).map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}
