import t from 'tap'
import { answerGrammar } from '#lib/generation/answer-grammar.js'
import type { ResponseFormat } from '#lib/options/response-format.js'
import { tableOf } from './table.js'

const pieces = ['a', '<think>', '</think>']
const text = {
  tokens: tableOf(pieces),
  addedTokenId: (word: string) => (pieces.includes(word) ? pieces.indexOf(word) : undefined),
}
const plainText = { tokens: tableOf(['a']), addedTokenId: () => undefined }
const grammar = (responseFormat: ResponseFormat, reasoning: 'none' | 'think' = 'none', prompt = '', marks = text) =>
  answerGrammar(marks, { reasoning, calls: undefined }, { responseFormat }, prompt)

t.test('without reasoning a format is a grammar of its own kind', (t) => {
  t.equal(answerGrammar(text, { reasoning: 'think', calls: undefined }, {}, ''), undefined)
  t.same(grammar({ type: 'regex', pattern: 'a+' }), { kind: 'regex', source: 'a+' })
  t.same(grammar({ type: 'lark', grammar: 'start: "a"' }), { kind: 'lark', source: 'start: "a"' })
  t.same(grammar({ type: 'choice', choices: ['a', '"'] }), { kind: 'lark', source: 'start: "a" | "\\""\n' })
  const json = grammar({ type: 'json_schema', schema: { type: 'string' } })
  t.same(json, { kind: 'json_schema', source: '{"type":"string","x-guidance":{"whitespace_flexible":false}}' })
  t.equal(grammar({ type: 'json', whitespace: 'any' })?.source, '{"type":"object"}')
  t.end()
})

t.test('behind reasoning it is a rule, and the marks are tokens where they are special', (t) => {
  const choice: ResponseFormat = { type: 'choice', choices: ['a'] }
  t.match(grammar(choice, 'think')?.source, 'start: (<[1]>  thoughts SPACE)? answer\nthoughts: /(?s:.*)/ <[2]>\n')
  const opened = grammar(choice, 'think', 'Hi<think>\n', plainText)
  t.match(opened?.source, 'start: thoughts SPACE answer\nthoughts[lazy]: /(?s:.*)<\\/think>/\n')
  t.match(grammar({ type: 'regex', pattern: 'a/b' }, 'think')?.source, 'answer: /a\\/b/')
  t.throws(() => grammar({ type: 'lark', grammar: 'start: "a"' }, 'think'), { code: 'ERR_GRAMMAR' })
  t.end()
})
