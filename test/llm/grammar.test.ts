import { Ajv } from 'ajv'
import t from 'tap'
import { noGrammar } from '#lib/engine/boundary.js'
import { type ConstrainedEngine, openConstrained, skipWithoutGrammars as skip } from './constrained.js'
import { tiny } from './fixtures.js'

const schemas: Record<string, object> = {
  person: {
    type: 'object',
    properties: { name: { type: 'string', maxLength: 12 }, age: { type: 'integer', minimum: 0, maximum: 130 } },
    required: ['name', 'age'],
    additionalProperties: false,
  },
  choice: { enum: ['red', 'green', 'blue', 7, null] },
  list: { type: 'array', items: { type: 'boolean' }, minItems: 2, maxItems: 5 },
  nested: {
    type: 'object',
    properties: {
      customer_identifier: { type: 'string', pattern: '^[A-Z]{3}-[0-9]{4}$' },
      shipping_address: {
        type: 'object',
        properties: {
          street_and_number: { type: 'string', maxLength: 8 },
          postal_code: { type: 'string', maxLength: 5 },
        },
        required: ['street_and_number', 'postal_code'],
        additionalProperties: false,
      },
      priority: { enum: ['low', 'normal', 'high'] },
    },
    required: ['customer_identifier', 'shipping_address', 'priority'],
    additionalProperties: false,
  },
  optional: {
    type: 'object',
    properties: {
      a: { type: 'null' },
      b: { const: 'ü"\\' },
      c: { type: 'number', minimum: -1, maximum: 1, multipleOf: 0.5 },
    },
    additionalProperties: false,
  },
  either: {
    anyOf: [
      { type: 'string', maxLength: 4 },
      { type: 'array', items: { enum: [1, 2] }, maxItems: 3 },
    ],
  },
  tree: {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: { v: { type: 'boolean' }, next: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/node' }] } },
        required: ['v', 'next'],
        additionalProperties: false,
      },
    },
  },
}

const opened = skip ? undefined : openConstrained(tiny('tiny-llama-fp32'))
t.teardown(async () => (await opened)?.close())
const theModel = () => opened as Promise<ConstrainedEngine>

/** A compact text, as `responseFormat` asks for it. */
const compact = { 'x-guidance': { whitespace_flexible: false } }

const grammarOf = (schema: object) =>
  ({ kind: 'json_schema', source: JSON.stringify({ ...schema, ...compact }) }) as const

t.test('a random model at temperature 1 writes nothing but what the schema allows', { skip }, async (t) => {
  const model = await theModel()
  const ajv = new Ajv({ strict: false, multipleOfPrecision: 6 })
  const seeds = [1, 2, 3]
  const requests = Object.entries(schemas).flatMap(([name, schema]) => seeds.map((seed) => ({ name, schema, seed })))
  const answers = await Promise.all(
    requests.map(async ({ name, schema, seed }) => ({
      name,
      schema,
      ...(await model.answer(grammarOf(schema), { seed })),
    })),
  )
  let ended = 0
  for (const { name, schema, text, reason, special } of answers) {
    t.same(special, [], `${name}: no special token in ${text}`)
    // Only a tree has no bound.
    if (reason === 'length') t.equal(name, 'tree', `${name}: ${text}`)
    else {
      ended++
      t.ok(ajv.validate(schema, JSON.parse(text)), `${name}: ${text} ${ajv.errorsText()}`)
    }
  }
  t.ok(ended >= seeds.length * (Object.keys(schemas).length - 1))
})

t.test('beside many grammars, free answers stay what they are alone', { skip }, async (t) => {
  const model = await theModel()
  const free = (seed: number) => model.answer(noGrammar, { seed, maxNewTokens: 40 }, `Free ${seed}`)
  const alone = [await free(1), await free(2), await free(3)]
  const constrained = Object.values(schemas).map((schema) => model.answer(grammarOf(schema), { maxNewTokens: 60 }))
  t.same(await Promise.all([free(1), free(2), free(3)]), alone)
  const beside = await Promise.all(constrained)
  const again = []
  for (const schema of Object.values(schemas)) again.push(await model.answer(grammarOf(schema), { maxNewTokens: 60 }))
  t.same(again, beside)
})

t.test('greedy answers are the same with forced tokens and one by one', { skip }, async (t) => {
  const model = await theModel()
  for (const schema of Object.values(schemas)) {
    const grammar = grammarOf(schema)
    const forced = await model.answer(grammar, { temperature: 0, maxNewTokens: 80 })
    // Every token's log-probability needs its logits.
    const single = await model.answer(grammar, { temperature: 0, maxNewTokens: 80, logprobs: 0 })
    t.same(forced, single)
  }
  const before = model.engine.metrics().steps
  const { tokens } = await model.answer(grammarOf({ const: { a_long_key_that_is_forced: 'and a long value as well' } }))
  const steps = model.engine.metrics().steps - before
  t.ok(steps < tokens.length / 2, `${steps} steps for ${tokens.length} tokens`)
})

t.test('prompt lookup changes nothing', { skip }, async (t) => {
  const model = await theModel()
  const grammar = { kind: 'regex', source: '(ab|cd){3,20}(true|false) (ab|cd){3,20}' } as const
  for (const seed of [1, 2, 3]) {
    const lookup = { lookupNgram: 3, lookupTokens: 8, seed }
    t.same(
      await model.answer(grammar, lookup, 'abababab cdcdcdcd'),
      await model.answer(grammar, { seed }, 'abababab cdcdcdcd'),
    )
  }
})

t.test('what is wrong, or too much, is an error and the engine goes on', { skip }, async (t) => {
  const model = await theModel()
  const refused = (kind: 'json_schema' | 'regex' | 'lark', source: string, message: RegExp) =>
    t.rejects(model.answer({ kind, source }), { code: 'ERR_GRAMMAR', message })
  await refused('json_schema', '{"not":{"type":"string"}}', /not/)
  await refused('json_schema', '{', /EOF/)
  const tooMuch = { type: 'string', pattern: '^(a|b)*a(a|b){400}$', maxLength: 100_000 }
  await refused('json_schema', JSON.stringify(tooMuch), /Unable to determine/)
  await refused('regex', 'a'.repeat(2 ** 20 + 1), /1048577 bytes, expected at most 1048576/)
  await refused('lark', 'start: nothing', /nothing/)
  t.equal((await model.answer({ kind: 'regex', source: 'ok' })).text, 'ok')
})
