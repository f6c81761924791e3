/** A JSON Schema of draft 2020-12 whose every part is bounded, so that an answer ends by itself. */
export type Bounded = Record<string, unknown>

const text = (maxLength = 4, minLength = 0) => ({ type: 'string', minLength, maxLength })
const whole = (minimum = 0, maximum = 99) => ({ type: 'integer', minimum, maximum })
const flag = { type: 'boolean' }
const none = { type: 'null' }
const one = (...values: unknown[]) => ({ enum: values })
const list = (items: unknown, maxItems = 2, minItems = 0) => ({ type: 'array', items, minItems, maxItems })
const record = (properties: object, required: string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})
const maybe = (schema: object) => ({ anyOf: [schema, none] })
const word = (pattern: string, maxLength = 12) => ({ type: 'string', pattern, maxLength })
const defined = (schema: object, $defs: object) => ({ ...schema, $defs })
const ref = (name: string) => ({ $ref: `#/$defs/${name}` })

/** Arguments of functions, as people describe tools. */
const calls = {
  weather: record({ city: text(8), days: whole(1, 7), unit: one('celsius', 'fahrenheit') }, ['city']),
  search: record({ query: text(8, 1), limit: whole(1, 50), safe: flag }),
  mail: record({ to: list(word('^[a-z]{1,4}@[a-z]{1,4}\\.(com|org)$'), 2, 1), subject: text(8), body: text(8) }),
  transfer: record({
    amount: { type: 'number', minimum: 0, maximum: 10, multipleOf: 0.25 },
    currency: word('^[A-Z]{3}$'),
  }),
  route: record({ from: list({ ...whole(-90, 90) }, 2, 2), to: list(whole(-90, 90), 2, 2), mode: one('car', 'bike') }),
  none: record({}),
  optional: record({ a: text(), b: whole(), c: flag }, []),
  nested: record({ calculator: record({ operation: one('+', '-'), operands: list(whole(), 3, 2) }) }),
  sql: record({ table: one('users', 'orders'), columns: list(word('^[a-z_]{1,6}$', 6), 3, 1), where: maybe(text(6)) }),
  book: record({
    title: text(6),
    authors: list(record({ first: text(4), last: text(4) }), 2, 1),
    year: whole(1900, 2026),
  }),
}

/** Settings of programs, as files in repositories have them. */
const settings = {
  linter: record(
    { root: flag, rules: record({ semi: one('off', 'warn', 'error', 0, 1, 2), quotes: one('single') }) },
    [],
  ),
  package: record({ name: word('^[a-z0-9-]{1,8}$'), version: word('^\\d{1,2}\\.\\d{1,2}\\.\\d{1,2}$'), private: flag }),
  scripts: {
    type: 'object',
    patternProperties: { '^[a-z]{1,4}$': text(4) },
    additionalProperties: false,
    maxProperties: 2,
  },
  environment: { type: 'object', additionalProperties: text(3), maxProperties: 1 },
  server: record({
    host: { type: 'string', format: 'ipv4' },
    port: whole(1, 65535),
    tls: maybe(record({ cert: text(4) })),
  }),
  logging: record({
    level: one('debug', 'info', 'warn'),
    sinks: list({ anyOf: [one('stdout'), record({ file: text(4) })] }),
  }),
  matrix: record({
    os: list(one('linux', 'windows', 'macos'), 3, 1),
    node: list(one(20, 22, 24), 2, 1),
    'fail-fast': flag,
  }),
  volumes: list({ anyOf: [word('^[a-z]{1,3}:/[a-z]{1,3}$'), record({ source: text(3), target: text(3) })] }, 2, 1),
  cron: record({ schedule: word('^(\\*|[0-5]?\\d) (\\*|1?\\d) \\* \\* (\\*|[0-6])$', 16), enabled: flag }),
  colour: word('^#([0-9a-f]{3}|[0-9a-f]{6})$', 7),
  theme: record({ colours: record({ fore: word('^#[0-9a-f]{3}$'), back: word('^#[0-9a-f]{3}$') }), dark: flag }),
  proxy: record({ rules: list(record({ path: word('^/[a-z]{0,4}$'), rewrite: maybe(text(3)) }), 2) }),
  licence: one('MIT', 'Apache-2.0', null),
  semver: { anyOf: [word('^[\\^~]?\\d\\.\\d\\.\\d$'), one('latest', '*')] },
  editor: record({ indent: { oneOf: [one('tab'), whole(1, 8)] }, rulers: list(whole(40, 120), 2) }),
}

/** Objects of clusters, events and feeds. */
const objects = {
  pod: record({
    apiVersion: one('v1'),
    kind: one('Pod'),
    metadata: record({ name: word('^[a-z]([-a-z0-9]{0,4}[a-z0-9])?$') }),
    spec: record({ containers: list(record({ name: text(3), image: text(4) }), 2, 1) }),
  }),
  quantity: { anyOf: [whole(0, 16), word('^\\d{1,3}(m|Mi|Gi)$')] },
  port: record({ port: { type: 'integer', exclusiveMinimum: 0, maximum: 65535 }, protocol: one('TCP', 'UDP') }, [
    'port',
  ]),
  condition: record({ type: text(4), status: one('True', 'False', 'Unknown'), reason: text(4) }, ['type', 'status']),
  selector: record({
    matchExpressions: list(record({ key: text(3), operator: one('In', 'Exists'), values: list(text(2)) })),
  }),
  event: record({
    schema: one('iglu:a/b/jsonschema/1-0-0'),
    data: record({ id: { type: 'string', format: 'uuid' }, n: whole() }),
  }),
  click: record({ element: maybe(text(4, 1)), x: whole(0, 4000), y: whole(0, 4000), classes: maybe(list(text(3))) }, [
    'x',
    'y',
  ]),
  price: record({ currency: one('EUR', 'USD'), cents: { ...whole(0, 99_999), multipleOf: 5 } }),
  article: record({
    headline: text(6),
    kicker: maybe(text(4)),
    body: list({ anyOf: [record({ p: text(4) }), record({ img: text(4) })] }),
  }),
  person: record({ name: text(8, 1), age: whole(0, 130), email: maybe(word('^[a-z]{1,5}@[a-z]{1,5}\\.eu$')) }),
  invoice: record({ lines: list(record({ item: text(4), count: whole(1, 9), net: whole() }), 3, 1), paid: flag }),
  message: record({ jsonrpc: one('2.0'), id: { anyOf: [whole(), text(3)] }, method: text(4, 1) }),
  result: { oneOf: [record({ ok: one(true), value: whole() }), record({ ok: one(false), error: text(4) })] },
  shape: {
    anyOf: [
      record({ kind: one('circle'), r: whole(1, 9) }),
      record({ kind: one('box'), w: whole(1, 9), h: whole(1, 9) }),
    ],
  },
  point: { type: 'array', prefixItems: [whole(-180, 180), whole(-90, 90)], items: false, minItems: 2 },
  polygon: record({ type: one('Polygon'), coordinates: list(list(list(whole(0, 9), 2, 2), 3, 3), 1, 1) }),
  language: word('^[a-z]{2}(-[A-Z]{2})?$'),
  isbn: word('^97[89]-\\d{10}$', 14),
  phone: word('^\\+?\\d{3,9}$', 10),
  time: word('^([01]\\d|2[0-3]):[0-5]\\d$', 5),
  review: record({ stars: { ...whole(1, 5) }, tags: list(one('good', 'bad'), 2), text: text(8) }),
  unicode: record({ größe: whole(), 名: text(3), 'a b': flag, 'q"\\': none }),
}

/** Definitions and combinations. */
const combined = {
  shared: defined(record({ billing: ref('place'), shipping: ref('place') }), {
    place: record({ zip: word('^\\d{5}$', 5) }),
  }),
  chain: defined(ref('a'), { a: ref('b'), b: ref('c'), c: one('end') }),
  anchored: { $ref: '#size', $defs: { any: { $anchor: 'size', ...whole(1, 3) } } },
  identified: { $ref: 'https://a.example/size', $defs: { any: { $id: 'https://a.example/size', ...whole(1, 3) } } },
  beside: defined({ ...ref('count'), maximum: 3 }, { count: whole(0, 9) }),
  escaped: { $ref: '#/$defs/a~1b%25', $defs: { 'a/b%': one('found') } },
  every: { allOf: [record({ a: whole() }, []), { required: ['a'] }] },
  narrow: { allOf: [whole(0, 50), whole(25, 99)] },
  lengths: { allOf: [text(6), { minLength: 3 }, { pattern: '^[a-c]*$' }] },
  either: { anyOf: [whole(), text(3), flag, none, list(whole()), record({ a: none })] },
  exactly: { oneOf: [text(3), whole(), list(flag)] },
  types: { type: ['integer', 'string', 'null'], minimum: 0, maximum: 9, maxLength: 3 },
  deep: record({ a: record({ b: record({ c: record({ d: list(list(flag, 1, 1), 1, 1) }) }) }) }),
  lists: list(list(list(one(1), 2), 2), 2),
  pairs: list({ type: 'array', prefixItems: [text(2), whole()], items: false, minItems: 2 }, 2, 1),
}

/** A keyword each, as the JSON Schema test suite takes them. */
const keywords = {
  'type null': none,
  'type boolean': flag,
  'type integer': whole(-5, 5),
  'type list of one': { type: ['boolean'] },
  'const number': { const: -2.5 },
  'const false': { const: false },
  'const zero': { const: 0 },
  'const text': { const: 'ü"\\\n/' },
  'const list': { const: [1, [{}], null] },
  'const object': { const: { b: { c: [] }, a: '' } },
  'enum mixed': one(6, 'foo', [], true, { foo: 12 }, null),
  'enum with escapes': one('foo\nbar', 'foo\rbar', '\t', 'a/b'),
  'enum and type': { type: 'string', enum: ['a', 1, 'b'] },
  'minimum negative': whole(-2, 2),
  'exclusive bounds': { type: 'integer', exclusiveMinimum: 2, exclusiveMaximum: 5 },
  'multipleOf integer': { ...whole(1, 60), multipleOf: 7 },
  'multipleOf fraction': { type: 'number', minimum: 0, maximum: 1, multipleOf: 0.125 },
  'maxLength zero': text(0),
  'length exact': text(3, 3),
  'length of code points': { ...text(2, 2), pattern: '^[\u{1f600}-\u{1f64f}]*$' },
  'pattern not anchored': { type: 'string', pattern: 'a+', maxLength: 6 },
  'pattern with classes': word('^[\\s\\S]\\d\\D\\w\\W$', 5),
  'pattern with a dot': word('^.{2,5}$', 5),
  'pattern of alternatives': word('^(a|b)|(c|d)$', 3),
  'items true': { type: 'array', items: true, maxItems: 0 },
  'items false': { type: 'array', items: false },
  'items of a draft before': {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...list([flag, none], 2, 2),
    additionalItems: false,
  },
  'items exact': list(flag, 2, 2),
  'prefix and rest': { type: 'array', prefixItems: [none], items: flag, minItems: 2, maxItems: 3 },
  'properties false': { type: 'object', properties: { a: flag, b: false }, additionalProperties: false },
  'properties named like keywords': record({ $ref: text(2), type: flag, properties: none, enum: list(none) }),
  'properties with escapes': record({ 'foo\nbar': flag, 'foo"bar': flag, 'foo\\bar': flag, 'foo\tbar': flag }),
  'properties of prototypes': record({ constructor: whole(), toString: flag, hasOwnProperty: none }),
  'required alone': { type: 'object', required: ['a'], additionalProperties: one(1), maxProperties: 1 },
  'minProperties of optional': { ...record({ a: flag, b: flag }, []), minProperties: 1, maxProperties: 1 },
  'patternProperties and properties': {
    ...record({ foo: none }),
    patternProperties: { '^b{1,2}$': flag },
    maxProperties: 2,
  },
  'empty enum of objects': one({}, []),
  annotated: {
    title: 'A',
    description: 'b',
    default: 9,
    examples: [7],
    deprecated: true,
    readOnly: true,
    ...whole(0, 3),
  },
}

/** Over a hundred schemas of the kinds that MaskBench and the JSON Schema test suite hold, by name. */
export const boundedSchemas: Readonly<Record<string, Bounded>> = {
  ...calls,
  ...settings,
  ...objects,
  ...combined,
  ...keywords,
}
