import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { allPages, parsePage, readPage } from './markdown.js'

/** What the npm package holds beside the compiled code; its README must not link elsewhere. */
const packed = /^(docs\/|README\.md$|LICENSE$)/

t.test('every relative link of README, CONTRIBUTING and docs leads to a file, and to a heading of it', (t) => {
  for (const page of allPages()) {
    for (const { target, line } of page.links) {
      if (/^[a-z]+:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page.path : normalize(join(dirname(page.path), file))
      const where = `${page.path}:${line}: ${target}`
      if (!existsSync(path)) t.fail(where)
      else if (anchor !== undefined) t.ok(readPage(path).anchors.has(anchor), where)
      else t.pass(where)
      if (page.path !== 'CONTRIBUTING.md') t.match(path, packed, `${where} is in the npm package`)
    }
  }
  t.end()
})

t.test('every page of docs is in its index', (t) => {
  const { links } = readPage('docs/README.md')
  const named = links.map(({ target }) => `docs/${target}`)
  for (const { path } of allPages()) {
    if (path.startsWith('docs/') && path !== 'docs/README.md') t.ok(named.includes(path), path)
  }
  t.end()
})

t.test('headings become anchors as GitHub makes them', (t) => {
  const { anchors, links } = parsePage(
    'x.md',
    '# `a.b` and (C)\n## Twice\n## Twice\n[x](y.md#z) `[no](link)`\n```\n# no\n```\n',
  )
  t.same([...anchors], ['ab-and-c', 'twice', 'twice-1'])
  t.same(links, [{ target: 'y.md#z', line: 4 }])
  t.end()
})
