import t from 'tap'
import { gbnfToLark } from '#lib/generation/gbnf/to-lark.js'

const lark = (...lines: string[]) => gbnfToLark(lines.join('\n')).split('\n')

t.test('what is regular is one terminal', (t) => {
  t.same(lark('root ::= "a" [b-d0_]+ | "\\"\\n\\x41\\u00e9\\U0001F600"'), [
    'start: T0',
    'T0: (("a" (/[b-d0\\x{5f}]/)+) | "\\"\\nAé😀")',
  ])
  t.same(lark('root ::= [^"\\\\\\x7F\\x00-\\x1F] .'), [
    'start: T0',
    'T0: (/[^\\x{22}\\x{5c}\\x{7f}\\x{0}-\\x{1f}]/ /(?s:.)/)',
  ])
  t.same(lark('root ::= [-a] [a-] [\\]\\[]'), ['start: T0', 'T0: (/[\\x{2d}a]/ /[a\\x{2d}]/ /[\\x{5d}\\x{5b}]/)'])
  t.same(lark('root ::= a-b? A_b*', 'a-b ::= "x"', 'A_b ::= | "\\x7f"'), [
    'start: T0',
    'T0: ((T1)? (T2)*)',
    'T1: "x"',
    'T2: ("" | "\\u007f")',
  ])
  t.end()
})

t.test('repetitions', (t) => {
  const of = (sign: string) => lark(`root ::= "a"${sign}`)[1]
  t.equal(of('{3}'), 'T0: ("a"){3,3}')
  t.equal(of('{3,}'), 'T0: ("a"){3,}')
  t.equal(of('{0,2}'), 'T0: ("a"){0,2}')
  t.equal(of('{0,}'), 'T0: ("a")*')
  t.equal(of('{1,}'), 'T0: ("a")+')
  t.equal(of('?+'), 'T0: (("a")?)+')
  t.end()
})

t.test('lines and comments', (t) => {
  const found = lark(
    '# a list',
    'root ::= (',
    '  "a" # the first',
    '',
    '  | "b" |',
    '  "c"',
    ')+   # more',
    '  | "d" |',
    '"e"',
    '\t',
    'x ::=',
    '  "y"\r',
    '# the end',
  )
  t.same(found, ['start: T0', 'T0: ((("a" | "b" | "c"))+ | "d" | "e")', 'T1: "y"'])
  t.end()
})

t.test('what leads to itself is a rule, and its regular neighbours are one terminal', (t) => {
  t.same(lark('root ::= "[" ws (root ("," ws root)*)? "]" ws', 'ws ::= [ \\n]*'), [
    'start: r0',
    'r0: X0 (r0 (X1 r0)*)? X2',
    'T1: (/[\\x{20}\\x{a}]/)*',
    'X0: ("[" T1)',
    'X1: ("," T1)',
    'X2: ("]" T1)',
  ])
  t.same(lark('root ::= <think> "a" <[7]> b', 'b ::= "c"'), [
    'start: r0',
    'r0: <think> X0 <[7]> T1',
    'T1: "c"',
    'X0: "a"',
  ])
  const chain = Array.from({ length: 999 }, (_, i) => `r${i} ::= r${i + 1}`)
  t.equal(lark('root ::= r0', ...chain.slice(0, 998), 'r998 ::= "a"')[0], 'start: T0')
  t.end()
})

t.test('what is wrong is named with its line', (t) => {
  const wrong = (source: string, message: string) =>
    t.throws(() => gbnfToLark(source), { code: 'ERR_GRAMMAR', message })
  wrong('', 'GBNF: expected a rule root, found none')
  wrong('root ::= a', 'GBNF: expected a rule a, found none')
  wrong('root ::= "a"\nroot ::= "b"', 'GBNF, line 2: expected the rule root once, found a second one')
  wrong('root = "a"', 'GBNF, line 1: expected ::=, found = "a"')
  wrong('\nroot ::= "a', 'GBNF, line 2: expected the end of a text or a class, found the end')
  wrong('root ::= [a\n]', 'GBNF, line 1: expected the end of a text or a class, found the end of the line')
  wrong('root ::= ("a"', 'GBNF, line 1: expected ), found the end')
  wrong('root ::= "a" )', 'GBNF, line 1: expected the end of the line, found )')
  wrong('root ::= []', 'GBNF, line 1: expected characters in [ ], found none')
  wrong('root ::= [z-a]', 'GBNF, line 1: expected a range that ascends, found one that does not')
  wrong('root ::= "\\q"', 'GBNF, line 1: expected an escape of GBNF, found \\q')
  wrong('root ::= "\\u12"', 'GBNF, line 1: expected 4 hexadecimal digits, found u12"')
  wrong('root ::= "\\uD800"', 'GBNF, line 1: expected a Unicode character, found the number d800')
  wrong('root ::= "a"{2,1}', 'GBNF, line 1: expected counts that ascend, found {2,1}')
  wrong('root ::= "a"{x}', 'GBNF, line 1: expected {m}, {m,} or {m,n}, found {x}')
  wrong(
    'root ::= !<think>',
    'GBNF, line 1: expected a token without !, found any token but one, which is not supported',
  )
  wrong('root ::= < a >', 'GBNF, line 1: expected a token as <name> or <[id]>, found < a >')
  wrong(`root ::= ${'('.repeat(100)}`, 'GBNF, line 1: expected groups in at most 64 others, found more')
  wrong(
    Array.from({ length: 1001 }, (_, i) => `r${i} ::= "a"`).join('\n'),
    'GBNF, line 1001: expected at most 1000 rules, found more',
  )
  t.end()
})
