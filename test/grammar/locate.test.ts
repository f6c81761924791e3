import t from 'tap'
import { pathOfKeyword } from '#lib/grammar/locate.js'

t.test('a keyword is found where it stands for a schema, the nearest first', (t) => {
  const at = (schema: unknown) => pathOfKeyword(schema, ['not', 'if'])
  t.equal(at({ not: {} }), '#/not')
  t.equal(at({ properties: { not: { items: { if: {} } } } }), '#/properties/not/items/if')
  t.equal(at({ anyOf: [{}, { $defs: { if: { not: 1 } } }] }), '#/anyOf/1/$defs/if/not')
  t.equal(at({ items: { items: { items: { not: {} } } }, prefixItems: [{ if: {} }] }), '#/prefixItems/0/if')
  t.equal(at({ const: { not: 1 }, enum: [{ not: 1 }], default: { not: 1 }, required: ['not'] }), undefined)
  t.equal(at(true), undefined)
  t.end()
})
