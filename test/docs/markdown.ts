import { readdirSync, readFileSync } from 'node:fs'

/** A fenced block of code. The opening fence holds the language, then a note such as `no-run: needs a GPU`. */
export interface CodeBlock {
  page: string
  /** Line of the opening fence, from 1. */
  line: number
  language: string
  note: string
  code: string
  /** What it prints, when a block of the language `text` with the note `output` follows. */
  output?: string
}

/** A page of the documentation, taken apart. */
export interface Page {
  path: string
  /** Lines with the code blocks left blank, so that line numbers stay. */
  prose: string[]
  blocks: CodeBlock[]
  /** What `#…` may name, as GitHub makes it of headings. */
  anchors: ReadonlySet<string>
  links: { target: string; line: number }[]
}

/** Every page that users or contributors read. */
export function allPages(): Page[] {
  const docs = readdirSync('docs').filter((name) => name.endsWith('.md'))
  return ['README.md', 'CONTRIBUTING.md', ...docs.sort().map((name) => `docs/${name}`)].map(readPage)
}

export function readPage(path: string): Page {
  return parsePage(path, readFileSync(path, 'utf8'))
}

export function parsePage(path: string, text: string): Page {
  const prose: string[] = []
  const blocks: CodeBlock[] = []
  let open: CodeBlock | undefined
  text.split('\n').forEach((line, i) => {
    const [, info] = /^\s*```(.*)$/.exec(line) ?? []
    if (open) {
      if (info === '') {
        const { language, note, code } = open
        const before = blocks.at(-1)
        if (language === 'text' && note === 'output' && before) before.output = code
        else blocks.push(open)
        open = undefined
      } else open.code += `${line}\n`
    } else if (info !== undefined) {
      const [language = '', ...note] = info.split(' ')
      open = { page: path, line: i + 1, language, note: note.join(' ').trim(), code: '' }
    }
    prose.push(open || info !== undefined ? '' : line)
  })
  if (open) throw new Error(`${path}:${open.line}: the code block has no end`)
  return { path, prose, blocks, anchors: anchorsOf(prose), links: prose.flatMap(linksOf) }
}

function anchorsOf(prose: readonly string[]): Set<string> {
  const anchors = new Set<string>()
  for (const line of prose) {
    const [, heading] = /^#+ (.+)$/.exec(line) ?? []
    if (heading === undefined) continue
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = text.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
    let name = slug
    for (let n = 1; anchors.has(name); n++) name = `${slug}-${n}`
    anchors.add(name)
  }
  return anchors
}

function linksOf(line: string, index: number): Page['links'] {
  const text = line.replaceAll(/`[^`]*`/g, '')
  const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g)]
  return found.map(([, target = '']) => ({ target, line: index + 1 }))
}
