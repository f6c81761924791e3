import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'

/** Where a path in a comment or a document may begin, beside at the root. */
const roots = ['', 'native', 'test/native']
const named =
  /(?<![\w/.@-])(?:lib|native|test|scripts|bench|docs|examples|engine|kernels|openvino|node)\/[\w/.-]*[\w-]\.(?:ts|mjs|cjs|cc|h|md|json|txt|py|sh)(?![\w])/g

const files = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.cc', '*.h', '*.md', '*.yml'], { encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((file) => existsSync(file))

t.test('every file that a comment or a document names is there', async (t) => {
  const missing = files.flatMap((file) => {
    const source = readFileSync(file, 'utf8')
    const text = file.endsWith('.md') ? source : comments(source)
    const paths = [...new Set([...text.matchAll(named)].map(([path]) => path))]
    return paths
      .filter((path) => ![...roots, dirname(file)].some((root) => existsSync(join(root, path))))
      .map((path) => `${file}: ${path}`)
  })
  t.strictSame(missing, [])
})

/** The lines that are comments: what a program does with a path, its own tests find out. */
function comments(source: string): string {
  return source
    .split('\n')
    .filter((line) => /^\s*(\/\/|\/?\*|#)|\s\/\/ /.test(line) && !/^\s*#include/.test(line))
    .join('\n')
}
