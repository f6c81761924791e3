import { CacheStore } from '#lib/cache/store.js'

// A process of store.test.ts: writes, reads and tidies the same few entries as its siblings, and says what it read that no writer wrote.
const [root = '', kind = ''] = process.argv.slice(2)
const { folder, entry, maxBytes } = JSON.parse(kind) as { folder: string; entry: string; maxBytes: number }
const store = new CacheStore({ folder, entry: new RegExp(entry), maxBytes }, root)
const whole = (text: string) => /^(\d+) \1$/.test(text.replace(/\s+/g, ' '))
const broken: string[] = []
for (let i = 0; i < 200; i++) {
  const name = `${i % 4}.txt`
  await store.write(name, `${process.pid}${' '.repeat(1000)}${process.pid}`)
  await store.use(name).catch(() => undefined)
  await store.tidy(name)
  const found = await store.read(`${(i + 1) % 4}.txt`, (text) => text)
  if (found !== undefined && !whole(found)) broken.push(found)
}
process.send?.(broken)
