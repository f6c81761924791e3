// Calls as families write them, for templates that do not show those of earlier messages.

/** A call of an earlier message. */
export interface WrittenCall {
  name: string
  arguments: Record<string, unknown>
}

export type WriteCalls = (calls: readonly WrittenCall[]) => string

/** As Python's `json.dumps` writes it, which is what models are trained on. */
function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${spacedJson(one)}`)
  return `{${fields.join(', ')}}`
}

const object = (call: WrittenCall, key: string): string => spacedJson({ name: call.name, [key]: call.arguments })

/** Objects between marks, each call with its own. */
export const writeMarked =
  (begin: string, end: string): WriteCalls =>
  (calls) =>
    calls.map((call) => `${begin}\n${object(call, 'arguments')}\n${end}`).join('\n')

/** A list of objects between marks. */
export const writeListed =
  (begin: string, end = ''): WriteCalls =>
  (calls) =>
    `${begin}[${calls.map((call) => object(call, 'arguments')).join(', ')}]${end}`

/** Objects without marks. */
export const writeBare: WriteCalls = (calls) => calls.map((call) => object(call, 'parameters')).join('; ')

/** Calls of Python. */
export const writePython: WriteCalls = (calls) => {
  const value = (one: unknown): string =>
    one === true ? 'True' : one === false ? 'False' : one === null ? 'None' : spacedJson(one)
  const written = calls.map((call) => {
    const given = Object.entries(call.arguments).map(([key, one]) => `${key}=${value(one)}`)
    return `${call.name}(${given.join(', ')})`
  })
  return `<|tool_call_start|>[${written.join(', ')}]<|tool_call_end|>`
}
