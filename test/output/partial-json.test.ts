import t from 'tap'
import { PartialJson } from '#lib/output/partial-json.js'

const texts = [
  '{"name": "Ada \\"L\\"\\n\\ud83d\\ude00", "age": 36, "tags": ["a", {"b": [true, null, -1.5e3]}], "e": {}, "__proto__": 1}',
  '[]',
  '"text"',
  ' 12 ',
  '{"a":{"b":{"c":[[1],[2,3]]}},"d":""}',
]

t.test('the whole text gives the value, wherever it is cut', (t) => {
  for (const text of texts) {
    for (let at = 0; at <= text.length; at++) {
      const json = new PartialJson()
      json.push(text.slice(0, at))
      const before = JSON.stringify(json.value)
      json.push(`${text.slice(at)} `)
      t.equal(JSON.stringify(json.value), JSON.stringify(JSON.parse(text)), text.slice(0, at))
      t.not(before, 'null', 'nothing is there before it is known')
    }
  }
  t.end()
})

t.test('it grows: strings as they come, other values when they have ended', (t) => {
  const json = new PartialJson()
  const steps: [string, unknown][] = [
    ['{"na', {}],
    ['me": "A', { name: 'A' }],
    ['da\\', { name: 'Ada' }],
    ['n", "age": 3', { name: 'Ada\n' }],
    ['6, "tags": [', { name: 'Ada\n', age: 36, tags: [] }],
    ['"x", "y', { name: 'Ada\n', age: 36, tags: ['x', 'y'] }],
    ['"]}', { name: 'Ada\n', age: 36, tags: ['x', 'y'] }],
  ]
  const kept: unknown[] = []
  for (const [piece, value] of steps) {
    json.push(piece)
    t.same(json.value, value)
    kept.push(json.value)
  }
  t.same(
    kept,
    steps.map(([, value]) => value),
    'what was handed out does not change',
  )
  t.end()
})
