import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import t from 'tap'
import { grammarSchema } from '#lib/grammar/json-schema.js'
import { openConstrained, skipWithoutGrammars as skip } from './constrained.js'
import { tiny } from './fixtures.js'
import { type Bounded, boundedSchemas } from './schemas.js'

/** What ajv finds wrong. */
function faults(schema: Bounded, value: unknown): string {
  const options = { strict: false, multipleOfPrecision: 6 }
  const ajv = '$schema' in schema ? new Ajv(options) : new Ajv2020(options)
  formats.default(ajv)
  return ajv.validate(schema, value) ? '' : ajv.errorsText()
}

t.test(
  'a random model at temperature 1 ends each bounded schema by itself, and ajv accepts it',
  { skip },
  async (t) => {
    const names = Object.keys(boundedSchemas)
    t.ok(names.length >= 100, `${names.length} schemas`)
    const model = await openConstrained(tiny('tiny-llama-fp32'))
    t.teardown(() => model.close())
    const answers = await Promise.all(
      Object.values(boundedSchemas).map(async (schema, seed) => {
        const source = JSON.stringify(grammarSchema(schema, { whitespace_flexible: false }))
        return await model.answer({ kind: 'json_schema', source }, { seed, maxNewTokens: 600 }).catch(String)
      }),
    )
    for (const [i, answer] of answers.entries()) {
      const name = names[i] ?? ''
      if (typeof answer === 'string') {
        t.fail(`${name}: ${answer}`)
        continue
      }
      t.match(answer, { reason: 'grammar', special: [] }, name)
      t.equal(faults(boundedSchemas[name] ?? {}, JSON.parse(answer.text)), '', `${name}: ${answer.text}`)
    }
  },
)
