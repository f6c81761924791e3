import t from 'tap'
import {
  checkResponseFormat,
  jsonSchemaOf,
  type ResponseFormat,
  type StandardSchema,
} from '#lib/options/response-format.js'

/** A schema as libraries make them, by hand. */
const standard = (vendor: string, json?: Record<string, unknown>): StandardSchema => ({
  '~standard': {
    version: 1,
    vendor,
    validate: (value) => ({ value }),
    ...(json && { jsonSchema: { input: () => json } }),
  },
})

t.test('a wrong format is a TypeError that names the field', (t) => {
  const wrong: [unknown, RegExp][] = [
    [{ type: 'xml' }, /^expected responseFormat\.type to be 'json' or .*, received 'xml'/],
    [{ type: 'toString' }, /responseFormat\.type/],
    [
      { type: 'json_schema' },
      /^expected responseFormat\.schema to be a JSON Schema or a Standard Schema, received undefined/,
    ],
    [{ type: 'json_schema', schema: 5 }, /responseFormat\.schema/],
    [{ type: 'regex', pattern: 5 }, /responseFormat\.pattern to be a string/],
    [{ type: 'choice', choices: [] }, /responseFormat\.choices to be an array of 1 to 1000/],
    [{ type: 'choice', choices: ['a', 'a'] }, /responseFormat\.choices/],
    [{ type: 'json', schema: {} }, /unknown option schema in responseFormat of type 'json'/],
    [{ type: 'json', whitespace: 'some' }, /responseFormat\.whitespace/],
  ]
  for (const [format, message] of wrong) {
    t.throws(() => checkResponseFormat(format as ResponseFormat), { name: 'TypeError', message })
  }
  t.doesNotThrow(() => checkResponseFormat({ type: 'lark', grammar: 'start: "a"' }))
  t.end()
})

t.test('a Standard Schema gives its JSON Schema, or the error names what makes it', (t) => {
  t.same(jsonSchemaOf(standard('zod', { type: 'string' })), { type: 'string' })
  t.throws(() => jsonSchemaOf(standard('valibot')), {
    name: 'TypeError',
    message: /toStandardJsonSchema of @valibot\/to-json-schema/,
  })
  t.throws(() => jsonSchemaOf(standard('zod')), { name: 'TypeError', message: /zod 4\.2/ })
  t.throws(() => jsonSchemaOf(standard('other')), { name: 'TypeError', message: /convert it to JSON Schema/ })
  t.end()
})
