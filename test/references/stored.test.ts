import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { findStored } from '#lib/references/stored.js'

t.test('names of repositories, then names and aliases in model.yaml', async (t) => {
  const cache = t.testdir()
  const commit = 'c'.repeat(40)
  const write = (repo: string, files: Record<string, string>) => {
    const folder = join(cache, `models--${repo.replace('/', '--')}`)
    for (const [path, text] of Object.entries({ 'refs/main': commit, ...files })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
  }
  const yaml = (name: string, more = '') => `name: ${name}\nparameters: {model: o/r}\n${more}`
  write('o/Phi-3', { [`snapshots/${commit}/model.yaml`]: yaml('phi3-medium', 'alias: medium') })
  write('p/a', {
    [`snapshots/${commit}/b.yaml`]: yaml('medium'),
    [`snapshots/${commit}/c.yaml`]: 'not: one',
    [`snapshots/${commit}/d.yaml`]: ':::',
    [`snapshots/${commit}/e.yaml`]: 'x'.repeat(5_000_000),
  })
  write('p/none', { 'refs/main': '../../etc' })
  mkdirSync(join(cache, 'datasets--o--phi-3'))
  t.strictSame(await findStored('phi-3', cache), ['hf://o/Phi-3'])
  t.strictSame(await findStored('phi3-medium', cache), ['hf://o/Phi-3/model.yaml'])
  t.strictSame(await findStored('medium', cache), ['hf://o/Phi-3/model.yaml', 'hf://p/a/b.yaml'])
  t.strictSame(await findStored('nothing', cache), [])
  t.strictSame(await findStored('phi-3', join(cache, 'nowhere')), [])
})
