import t from 'tap'
import { withValues } from '#lib/generation/answer-value.js'
import type { GenerationResult } from '#lib/generation/result.js'
import type { StandardSchema } from '#lib/options/response-format.js'

const result = (text: string, finishReason = 'stop') => {
  const answer = { text, finishReason }
  return { ...answer, answers: [answer] } as unknown as GenerationResult
}
const schema = (issues?: { message: string; path?: unknown[] }[]): StandardSchema => ({
  '~standard': {
    version: 1,
    vendor: 'hand',
    validate: async (value) => (issues ? { issues } : { value: [value, 'out'] }),
    jsonSchema: { input: () => ({}) },
  },
})

t.test('the value is what the text says, or what the schema object makes of it', async (t) => {
  t.match(await withValues(result('{"a":1}'), { type: 'json' }), { value: { a: 1 }, answers: [{ value: { a: 1 } }] })
  t.match(await withValues(result('red'), { type: 'choice', choices: ['red'] }), { value: 'red' })
  t.match(await withValues(result('1'), { type: 'json_schema', schema: schema() }), { value: [1, 'out'] })
  t.notOk('value' in (await withValues(result('x'), { type: 'regex', pattern: 'x' })))
  for (const type of ['lark', 'gbnf'] as const) {
    t.notOk('value' in (await withValues(result('x'), { type, grammar: '' })))
  }
})

t.test('an answer that is cut has none; one that is refused rejects', async (t) => {
  t.match(await withValues(result('{"a', 'length'), { type: 'json' }), { value: undefined })
  const refused = withValues(result('1'), {
    type: 'json_schema',
    schema: schema([{ message: 'is small', path: ['a', { key: 0 }] }, { message: 'is odd' }]),
  })
  await t.rejects(refused, { code: 'ERR_INVALID_VALUE', message: /: a\.0: is small; is odd$/ })
  await t.rejects(withValues(result('{"a'), { type: 'json' }), { code: 'ERR_INVALID_VALUE', message: /no JSON/ })
})
