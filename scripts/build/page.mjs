// @ts-check
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from '../run.mjs'

/** What the page's script holds of others, each below a licence that wants to be named. */
export const bundled = ['marked', 'preact']

/** Makes the chat page that lib/server serves: dist/page, four files and the licences of what is inside. */
export async function buildPage() {
  const source = join(root, 'page')
  const target = join(root, 'dist', 'page')
  await rm(target, { recursive: true, force: true })
  await mkdir(target, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { app: join(source, 'main.tsx'), style: join(source, 'styles', 'app.css') },
    outdir: target,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  checkBundled(Object.keys(metafile.inputs))
  await cp(join(source, 'index.html'), join(target, 'index.html'))
  await cp(join(source, 'icon.svg'), join(target, 'icon.svg'))
  const licenses = bundled.map(async (name) => {
    const text = await readFile(join(root, 'node_modules', name, 'LICENSE'), 'utf8')
    return `${name}\n\n${text}`
  })
  await writeFile(join(target, 'LICENSES.txt'), (await Promise.all(licenses)).join('\n\n'))
}

/** @param {string[]} inputs */
function checkBundled(inputs) {
  for (const path of inputs) {
    const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? []
    if (name !== undefined && !bundled.includes(name)) {
      throw new Error(`the page holds ${name}, which scripts/build/page.mjs does not list`)
    }
  }
}
