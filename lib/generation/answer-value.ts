import { LLMError } from '../errors.js'
import { isStandard, type ResponseFormat } from '../options/response-format.js'
import type { FinishedAnswer, GenerationResult } from './result.js'

/** Their answers are texts and nothing else. */
const withoutValues: ReadonlySet<ResponseFormat['type']> = new Set(['regex', 'lark', 'gbnf'])

/**
 * The result with the values of its answers. An answer that was cut has none.
 * @throws LLMError `ERR_INVALID_VALUE` when the schema's own validation refuses it
 */
export async function withValues(result: GenerationResult, format: ResponseFormat): Promise<GenerationResult> {
  if (withoutValues.has(format.type)) return result
  const answers = await Promise.all(
    result.answers.map(async (answer) => ({ ...answer, value: await answerValue(answer, format) })),
  )
  return { ...result, ...answers[0], answers }
}

async function answerValue({ text, finishReason }: FinishedAnswer, format: ResponseFormat): Promise<unknown> {
  if (finishReason !== 'stop') return undefined
  if (format.type === 'choice') return text
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(`it is no JSON, as a stop word or a filter may have changed it: ${(cause as Error).message}`, cause)
  }
  if (format.type !== 'json_schema' || !isStandard(format.schema)) return value
  const checked = await format.schema['~standard'].validate(value)
  if (checked.issues === undefined) return checked.value
  const issues = checked.issues.map(({ message, path = [] }) => {
    const keys = path.map((key) => String(typeof key === 'object' && key !== null && 'key' in key ? key.key : key))
    return keys.length > 0 ? `${keys.join('.')}: ${message}` : message
  })
  throw invalid(issues.join('; '))
}

const invalid = (why: string, cause?: unknown): LLMError =>
  new LLMError('ERR_INVALID_VALUE', `the answer is not a value of its schema: ${why}`, { cause })
