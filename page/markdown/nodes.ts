import { lexer, type MarkedToken, type Token, type Tokens, walkTokens } from 'marked'

/** What Markdown becomes: text, or one of a few elements. No element here can hold a script, a style or an address that loads by itself. */
export type MarkdownNode = string | MarkdownElement

export interface MarkdownElement {
  tag: (typeof tags)[number]
  children: MarkdownNode[]
  /** Of a link: an absolute address with a protocol of {@link protocols}. */
  href?: string
  /** Of a code block; '' for none. */
  language?: string
  /** The number that an ordered list begins with. */
  start?: number
  /** Of a table's cell. */
  align?: 'left' | 'center' | 'right'
}

/** Every element that can come out. */
export const tags = [
  ...(['p', 'strong', 'em', 'del', 'code', 'pre', 'a', 'br', 'hr', 'blockquote', 'ul', 'ol', 'li'] as const),
  ...(['h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'] as const),
] as const

/** Protocols that a link may have. */
export const protocols: readonly string[] = ['http:', 'https:', 'mailto:']

/** Characters beyond which a text is not parsed: a parser's time may grow with the square of what it reads. */
const longest = 200_000

/** A block of a document; its source tells whether it has changed since it was drawn. */
export interface MarkdownBlock {
  source: string
  nodes: MarkdownNode[]
}

/**
 * The blocks of a Markdown text, GitHub's flavour. HTML stays text, images become links. Never throws: a text that cannot be parsed,
 * such as one that is nested too deeply, is one block of plain text.
 */
export function parseMarkdown(text: string): MarkdownBlock[] {
  if (text.length > longest) return plain(text)
  try {
    const tokens = lexer(text, { gfm: true })
    setLevels(tokens)
    return tokens
      .map((token) => ({ source: token.raw, nodes: nodesOf([token]) }))
      .filter(({ nodes }) => nodes.length > 0)
  } catch {
    return plain(text)
  }
}

/** Gives headings levels from 3 on, since the page has two of its own, and without gaps, which confuse who jumps between headings. */
function setLevels(tokens: Token[]): void {
  const open: number[] = []
  walkTokens(tokens, (token) => {
    if (token.type !== 'heading') return
    const depth = token.depth as number
    while ((open.at(-1) ?? 0) >= depth) open.pop()
    token.depth = Math.min(open.push(depth) + 2, 6)
  })
}

const plain = (text: string): MarkdownBlock[] => [{ source: text, nodes: [element('pre', [text], { language: '' })] }]

const element = (
  tag: MarkdownElement['tag'],
  children: MarkdownNode[],
  more: Omit<MarkdownElement, 'tag' | 'children'> = {},
): MarkdownElement => ({ tag, children, ...more })

const nodesOf = (tokens: readonly Token[] | undefined): MarkdownNode[] => (tokens ?? []).flatMap(nodesOfToken)

function nodesOfToken(given: Token): MarkdownNode[] {
  const token = given as MarkedToken
  switch (token.type) {
    case 'space':
    case 'def':
      return []
    case 'paragraph':
      return [element('p', nodesOf(token.tokens))]
    case 'text':
      return token.tokens ? nodesOf(token.tokens) : [decodeEntities(token.text)]
    case 'escape':
      return [token.text]
    case 'strong':
    case 'em':
    case 'del':
    case 'blockquote':
      return [element(token.type, nodesOf(token.tokens))]
    case 'codespan':
      return [element('code', [token.text])]
    case 'code':
      return [element('pre', [token.text], { language: languageOf(token.lang) })]
    case 'br':
    case 'hr':
      return [element(token.type, [])]
    case 'heading':
      return [element(`h${token.depth}` as 'h3', nodesOf(token.tokens))]
    case 'list':
      return [listOf(token)]
    case 'checkbox':
      return [token.checked ? '☑ ' : '☐ ']
    case 'table':
      return [tableOf(token)]
    case 'link':
      return linkTo(token.href, nodesOf(token.tokens))
    case 'image':
      // An image that loads by itself would tell its server what was said: its address can hold any text.
      return linkTo(token.href, [decodeEntities(token.text) || 'image'])
    default:
      // HTML, and what this file does not know.
      return [given.raw]
  }
}

function listOf({ ordered, start, items }: Tokens.List): MarkdownElement {
  const children = items.map((item) => element('li', nodesOf(item.tokens)))
  if (!ordered) return element('ul', children)
  return element('ol', children, typeof start === 'number' && start !== 1 ? { start } : {})
}

function tableOf({ header, rows }: Tokens.Table): MarkdownElement {
  const row = (tag: 'th' | 'td', cells: Tokens.TableCell[]) =>
    element(
      'tr',
      cells.map(({ tokens, align }) => element(tag, nodesOf(tokens), align ? { align } : {})),
    )
  return element('table', [
    element('thead', [row('th', header)]),
    element(
      'tbody',
      rows.map((cells) => row('td', cells)),
    ),
  ])
}

/** A link, or its text alone where the address is relative or has another protocol. */
function linkTo(href: string, children: MarkdownNode[]): MarkdownNode[] {
  const address = URL.canParse(href) ? new URL(href) : undefined
  if (address && protocols.includes(address.protocol)) return [element('a', children, { href: address.href })]
  return children
}

const languageOf = (info: string | undefined): string => /^[\w+#.-]{1,30}/.exec(info ?? '')?.[0] ?? ''

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }

/** Text whose character references are characters. They are only text afterwards: nothing parses them again. */
function decodeEntities(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([a-z]{2,4}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return Object.hasOwn(named, name) ? (named[name] as string) : whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
