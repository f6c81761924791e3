import fc from 'fast-check'
import t from 'tap'
import { type MarkdownElement, type MarkdownNode, parseMarkdown, protocols, tags } from '#page/markdown/nodes.js'

/** A node as the HTML that a browser would show, for short expectations. */
function html(node: MarkdownNode): string {
  if (typeof node === 'string') return node
  const { tag, children, ...attributes } = node
  const written = Object.entries(attributes).map(([name, value]) => ` ${name}=${value}`)
  return `<${tag}${written.join('')}>${children.map(html).join('')}</${tag}>`
}
const shown = (text: string): string =>
  parseMarkdown(text)
    .flatMap(({ nodes }) => nodes)
    .map(html)
    .join('')

t.test('what models write', (t) => {
  const cases: [string, string][] = [
    ['Some *words* and **more**, ~~less~~', '<p>Some <em>words</em> and <strong>more</strong>, <del>less</del></p>'],
    [
      '## One\n\n##### Five\n\n> # Other\n\n## Two',
      '<h3>One</h3><h4>Five</h4><blockquote><h3>Other</h3></blockquote><h4>Two</h4>',
    ],
    ['a `b < c` d', '<p>a <code>b < c</code> d</p>'],
    ['```ts title="x"\nif (a < b) {}\n```', '<pre language=ts>if (a < b) {}</pre>'],
    ['```\nopen', '<pre language=>open</pre>'],
    ['> said', '<blockquote><p>said</p></blockquote>'],
    ['3. a\n4. b', '<ol start=3><li>a</li><li>b</li></ol>'],
    ['- a\n  - b', '<ul><li>a<ul><li>b</li></ul></li></ul>'],
    ['a  \nb\n\n---', '<p>a<br></br>b</p><hr></hr>'],
    [
      '| a | b |\n|--:|---|\n| 1 | 2 |',
      '<table><thead><tr><th align=right>a</th><th>b</th></tr></thead>' +
        '<tbody><tr><td align=right>1</td><td>2</td></tr></tbody></table>',
    ],
    ['AT&amp;T &lt;b&gt; &#955; &#x3bb; &unknown; 2 &times 3', '<p>AT&T <b> λ λ &unknown; 2 &times 3</p>'],
    ['[text](https://example.org/a?b=c)', '<p><a href=https://example.org/a?b=c>text</a></p>'],
    ['https://example.org', '<p><a href=https://example.org/>https://example.org</a></p>'],
    ['me@example.org', '<p><a href=mailto:me@example.org>me@example.org</a></p>'],
    ['[text](/relative) [text](#here)', '<p>text text</p>'],
    [
      '![a picture](https://example.org/p.png?said=secret)',
      '<p><a href=https://example.org/p.png?said=secret>a picture</a></p>',
    ],
    ['', ''],
  ]
  for (const [text, expected] of cases) t.equal(shown(text), expected, text)
  t.match(shown('- [x] done\n- [ ] open'), /☑ .*done.*☐ .*open/)
  t.end()
})

t.test('HTML stays text, and links lead only where a link may', (t) => {
  const attacks = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    'a <svg/onload=alert(1)> b',
    '<iframe srcdoc="<script>alert(1)</script>">',
    '[x](javascript:alert(1))',
    '[x](JaVaScRiPt:alert(1))',
    '[x](java\nscript:alert(1))',
    '[x](&#106;avascript:alert(1))',
    '[x](\u0001javascript:alert(1))',
    '[x](data:text/html,<script>alert(1)</script>)',
    '[x](vbscript:x)',
    '[x](file:///etc/passwd)',
    '[x](blob:https://example.org/1)',
    '![x](javascript:alert(1))',
    '<javascript:alert(1)>',
    '[x]: javascript:alert(1)\n\n[x]',
    '&lt;script&gt;alert(1)&lt;/script&gt;',
  ]
  for (const text of attacks)
    t.same(
      elements(text).filter(({ tag }) => !['p', 'pre'].includes(tag)),
      [],
      text,
    )
  const sneaky = elements('[x](https://example.org/" onclick="alert(1))')
  t.ok(sneaky.every(({ href }) => !href || !/["<> ]/.test(href)))
  t.end()
})

const pieces = [
  '*',
  '_',
  '`',
  '```\n',
  '[',
  ']',
  '(',
  ')',
  '<',
  '>',
  '&',
  '#',
  '\n',
  '\n\n',
  '| ',
  '|-|\n',
  '- ',
  '1. ',
  'a',
  ' ',
  '\\',
  '!',
  ':',
  'javascript:',
  'https://b.c',
  '&#x',
  ';',
  '\u0000',
  '😀',
  '\t',
]

t.test('whatever comes, only known elements and safe links come out', (t) => {
  const text = fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 60 })
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, (given) => {
      for (const { tag, children, href, language, start, align, ...others } of elements(given)) {
        if (!tags.includes(tag) || !children.every((child) => typeof child === 'string' || 'tag' in child)) return false
        if (href !== undefined && (tag !== 'a' || !protocols.includes(new URL(href).protocol))) return false
        if (start !== undefined && !Number.isSafeInteger(start)) return false
        if (!/^[\w+#.-]*$/.test(language ?? '') || !['', 'left', 'right', 'center'].includes(align ?? '')) return false
        if (Object.keys(others).length > 0) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.end()
})

t.test('what cannot be parsed is shown as it is', (t) => {
  const deep = `${'> '.repeat(20_000)}x`
  t.ok(shown(deep).length > 0)
  const long = '*a '.repeat(100_000)
  t.equal(shown(long), `<pre language=>${long}</pre>`)
  t.end()
})

t.test('while a text grows, the blocks before its last two keep their source', (t) => {
  const text = 'One.\n\nTwo *words*.\n\n- a\n- b\n\n```js\ncode\n\nmore\n```\n\nEnd.'
  for (let length = 1; length < text.length; length++) {
    const now = parseMarkdown(text.slice(0, length)).map(({ source }) => source)
    const next = parseMarkdown(text.slice(0, length + 1)).map(({ source }) => source)
    t.same(next.slice(0, Math.max(now.length - 2, 0)), now.slice(0, Math.max(now.length - 2, 0)))
  }
  t.end()
})

function elements(text: string): MarkdownElement[] {
  const below = (node: MarkdownNode): MarkdownElement[] =>
    typeof node === 'string' ? [] : [node, ...node.children.flatMap(below)]
  return parseMarkdown(text).flatMap(({ nodes }) => nodes.flatMap(below))
}
