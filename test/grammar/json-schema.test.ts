import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import t from 'tap'
import { grammarSchema } from '#lib/grammar/json-schema.js'
import { skipWithoutGrammars as skip } from '../llm/constrained.js'
import { follow } from './follow.js'

const pattern = (pattern: string) => ({ type: 'string', pattern })

const format = (format: string) => ({ type: 'string', format })

/** Schemas, what their grammars take, and what they must not take; ajv is of the same mind. */
const cases: [schema: object, takes: string[], never: string[]][] = [
  [pattern('^.$'), ['"a"', '"é"'], ['"\\n"', '"\\r"', '"\u2028"']],
  [pattern('^\\s$'), ['" "', '"\\t"', '"\ufeff"', '"\u00a0"'], ['"\u0085"', '"a"']],
  [pattern('^\\S$'), ['"\u0085"'], ['"\ufeff"']],
  [pattern('^[\\s\\d]$'), ['"1"', '" "'], ['"\u0085"', '"a"', '"\u0661"']],
  [pattern('^[^\\S]$'), ['" "'], ['"a"']],
  [pattern('^\\w\\W\\D$'), ['"a-b"'], ['"é-b"', '"ab1"']],
  // Brackets within brackets, and what Rust has for sets.
  [pattern('^[[a]$'), ['"["', '"a"'], ['"b"']],
  [pattern('^[a&&b]$'), ['"&"', '"a"', '"b"'], ['"c"']],
  [pattern('^[a~~b]$'), ['"~"', '"a"'], ['"c"']],
  [pattern('^[+\\--a]$'), ['"-"', '"A"', '"+"'], ['"b"']],
  [pattern('^[\\w\\-.]$'), ['"-"', '"."'], ['","']],
  [pattern('^[^]$'), ['"\\n"', '"a"'], ['""']],
  [pattern('^[\\b]$'), ['"\\b"'], ['"b"']],
  [pattern('^\\u0041\\x42\\u{43}\\ud83d\\ude00$'), ['"ABC😀"'], ['"ABC"']],
  [pattern('^[\\u{1f600}-\\u{1f602}]$'), ['"😁"'], ['"a"']],
  [pattern('^\\/\\{\\$\\}\\cJ$'), ['"/{$}\\n"'], ['"/{$}"']],
  [pattern('^a{2}b{1,}c{0,1}$'), ['"aabb"', '"aabc"'], ['"ab"']],
  [pattern('^\\p{L}\\P{L}$'), ['"é1"'], ['"11"']],
  [{ patternProperties: { '^\\d$': { type: 'null' }, '^[0-9]$': {} } }, ['{"1":null}'], ['{"1":1}']],
  [{ $ref: '#/other/a', other: { a: pattern('^.$') } }, ['"a"'], ['"\\r"']],
  // Formats: leap years and leap seconds, domains, and numbers.
  [format('date'), ['"2024-02-29"', '"2000-02-29"', '"1999-12-31"'], ['"2023-02-29"', '"1900-02-29"', '"2024-04-31"']],
  [format('time'), ['"23:59:60Z"', '"00:00:00.5+05:30"'], ['"12:00:60Z"', '"24:00:00Z"', '"12:00:00"']],
  [format('date-time'), ['"2016-12-31t23:59:60z"', '"2024-02-29T00:00:00-01:00"'], ['"2023-02-29T00:00:00Z"']],
  [format('email'), ['"a.b+c@d-e.fg"', '"a/b@c.d.e"'], ['"a@b"', '"a..b@c.d"', '"a@-b.c"', '"a@[127.0.0.1]"']],
  [{ ...format('date'), pattern: '^19' }, ['"1999-01-01"'], ['"2000-01-01"', '"19"']],
  [{ type: 'integer', format: 'int32' }, ['2147483647', '-2147483648'], ['2147483648', '-2147483649', '99999999999']],
  [{ type: 'integer', format: 'int32', minimum: 0 }, ['0', '2147483647'], ['-1', '2147483648']],
  [{ type: 'number', format: 'int32' }, ['7'], ['7.5']],
  [{ format: 'int32' }, ['7', '"a"'], ['7.5']],
  [{ type: 'integer', format: 'int64' }, ['9007199254740993', '-9223372036854770000'], ['7.5']],
  [{ const: { format: 'date' } }, ['{"format":"date"}'], ['"2024-02-29"']],
  // Keys that are named like keywords.
  [{ type: 'object', properties: { pattern: pattern('^.$') } }, ['{"pattern":"a"}'], ['{"pattern":"\\r"}']],
  [{ const: { pattern: '.' } }, ['{"pattern":"."}'], ['{"pattern":"a"}']],
  // A key in a second spelling.
  [{ type: 'object', properties: { a: { type: 'null' } } }, ['{"a":null}', '{"b":1}'], ['{"\\u0061":1}']],
  [{ type: 'object', minProperties: 2, required: ['a'] }, ['{"a":1,"b":1}'], ['{"a":1}', '{"a":1,"a":1}']],
]

t.test('what a grammar takes is what JSON Schema means', { skip }, async (t) => {
  const found = await follow(cases.map(([schema, takes, never]) => ({ schema, texts: [...takes, ...never] })))
  for (const [i, [schema, takes, never]] of cases.entries()) {
    const ajv = new Ajv2020({ strict: false })
    formats.default(ajv)
    const text = JSON.stringify(schema)
    t.same(found[i], [...takes.map(() => true), ...never.map(() => false)], text)
    t.same(
      [...takes, ...never].map((one) => ajv.validate(schema, JSON.parse(one))),
      found[i],
      `ajv: ${text}`,
    )
  }
})

t.test('what would come out wrong is refused, and what Rust lacks as well', { skip }, async (t) => {
  const refused: [schema: object, reason: RegExp][] = [
    [{ type: 'object', minProperties: 2 }, /^minProperties at # asks for 2 keys .* expected at most 1/],
    [{ properties: { a: { minProperties: 3, required: ['b'] } } }, /^minProperties at #\/properties\/a asks for 2 /],
    [{ enum: ['a', '\u0001'] }, /^#\/enum holds the character \\u0001/],
    [{ const: { a: '\ud800' } }, /^#\/const holds the character \\ud800/],
    [pattern('^(?=a)'), /look-around/],
    [pattern('^(a)\\1$'), /backreferences/],
    [pattern('\\bfoo'), /lookarounds/],
    [pattern('^[a'), /unclosed/],
    [pattern('a\\'), /./],
  ]
  const found = await follow(refused.map(([schema]) => ({ schema, texts: [] })))
  for (const [i, [schema, reason]] of refused.entries()) t.match(found[i], reason, JSON.stringify(schema))
})

t.test('data and annotations stay as they are, and depth has a bound', async (t) => {
  const schema = { default: { pattern: '.' }, examples: [{ pattern: '.' }], enum: ['\\u0001', { pattern: '.' }] }
  t.match(grammarSchema(schema, {}), schema)
  const own = { 'x-guidance': { lenient: true, whitespace_flexible: true } }
  t.match(grammarSchema(own, { whitespace_flexible: false }), own)
  const loop: Record<string, unknown> = {}
  loop.items = loop
  t.throws(() => grammarSchema(loop, {}), { code: 'ERR_GRAMMAR', message: /nested deeper than 500 levels at #\/items/ })
})
