import t from 'tap'
import { goExpression } from '#lib/text/rewrite/go-expression.js'
import { rewriteText } from '#lib/text/rewrite/rewrite.js'

const nothing = { echo: false, cut: [], extract: [], prefixes: [], suffixes: [] }
const rewrite = (text: string, how: Partial<Parameters<typeof rewriteText>[1]>, prompt = '') =>
  rewriteText(text, { ...nothing, ...how }, prompt)

t.test('the order and meaning of LocalAI', async (t) => {
  t.equal(rewrite('answer', {}), 'answer')
  t.equal(rewrite('answer', { echo: true }, 'prompt '), 'prompt answer')
  t.equal(rewrite('a<b>c<d>e', { cut: ['<.>', 'e'] }), 'ac')
  t.equal(rewrite('x <out>1</out> <out>2</out> y', { extract: ['<out>\\d</out>', 'y'] }), '<out>1</out>y')
  t.equal(rewrite('no match', { extract: ['\\d'] }), 'no match')
  t.equal(rewrite(' Answer: yes ', { prefixes: ['Answer:', ' Answer:'] }), 'Answer: yes')
  t.equal(rewrite(' Answer: yes ', { prefixes: ['', 'Answer:'] }), 'yes')
  t.equal(rewrite(' yes END ', { suffixes: ['', 'END'] }), 'yes')
  t.equal(rewrite('a b', { cut: ['a'], extract: ['b'], prefixes: [''] }), 'b')
  t.equal(rewrite('$1 $& x', { cut: ['x'] }), '$1 $& ')
})

t.test("Go's syntax", async (t) => {
  const first = (expression: string, text: string) => goExpression(expression).exec(text)?.[0]
  const cases: [string, string, string | undefined][] = [
    ['(?i)YES', 'oh yes', 'yes'],
    ['(?s)a.b', 'a\nb', 'a\nb'],
    ['a.b', 'a\nb', undefined],
    ['a.b', 'a\u2028b', 'a\u2028b'],
    ['(?m)^b$', 'a\nb\nc', 'b'],
    ['^b$', 'a\nb\nc', undefined],
    ['\\Ab\\z', 'b', 'b'],
    ['(?P<name>x)y', 'xy', 'xy'],
    ['{.*}', 'a {"b": {}} c', '{"b": {}}'],
    ['a{2,3}', 'aaaa', 'aaa'],
    ['\\Qa.b(\\E+', 'aa.b((', 'a.b(('],
    ['[[:alpha:]_]+', '12ab_3', 'ab_'],
    ['[]x]+', 'a]x', ']x'],
    ['[^]]+', ']ab]', 'ab'],
    ['\\pL+', '12äb3', 'äb'],
    ['\\p{Greek}', 'aβ', 'β'],
    ['\\<\\-\\"', '<-"', '<-"'],
    ['a\\sb', 'a\u00a0b', undefined],
    ['[\\s]b', '\tb', '\tb'],
    ['[a\\-z]+', 'b-az', '-az'],
    ['[.[]+', 'a.[', '.['],
    ['.', '💩', '💩'],
  ]
  for (const [expression, text, found] of cases) t.equal(first(expression, text), found, expression)
  for (const wrong of ['(', '(?U)a', 'a(?i)b', '[[:nope:]]', '*'])
    t.throws(() => goExpression(wrong), SyntaxError, wrong)
})
