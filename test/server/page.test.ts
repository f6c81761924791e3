import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createServer, type ServedModel, type ServerOptions } from '#lib/server/index.js'

const folder = join('dist', 'page')
const model = {
  info: { versions: {}, generationDefaults: {}, health: { state: 'healthy' } },
  stream() {},
} as unknown as ServedModel

const serverOf = (options: ServerOptions = {}) => createServer({ a: model }, options)
const get = async (path: string, options: ServerOptions = {}, headers: Record<string, string> = {}) =>
  await serverOf(options).fetch(new Request(`http://localhost${path}`, { headers }))

t.test('the page and what it names are there, and forbid what they do not need', async (t) => {
  const page = await get('/')
  t.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  const text = await page.text()
  const named = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path)
  t.same(named.sort(), ['page/app.js', 'page/icon.svg', 'page/style.css'])
  t.notMatch(text, /<script(?![^>]*src=)|<style|style=|\son\w+=/i, 'nothing inline')
  for (const path of ['', ...named, 'page/LICENSES.txt']) {
    const response = await get(`/${path}`)
    t.equal(response.status, 200, path)
    const policy = response.headers.get('content-security-policy') ?? ''
    t.notMatch(policy, /unsafe|\*|https?:|data:/)
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      t.ok(policy.split('; ').includes(part), part)
    }
    t.equal(response.headers.get('x-content-type-options'), 'nosniff')
    t.equal(response.headers.get('referrer-policy'), 'no-referrer')
  }
})

t.test('what a browser has already is not sent again', async (t) => {
  const etag = (await get('/page/app.js')).headers.get('etag') as string
  t.match(etag, /^"[\w-]{22}"$/)
  t.equal((await get('/page/app.js', {}, { 'if-none-match': etag })).status, 304)
  t.equal((await get('/page/app.js', {}, { 'if-none-match': '"other"' })).status, 200)
})

t.test('the page can be seen without a key, but asks nothing without one', async (t) => {
  const options = { apiKeys: ['a long secret'] }
  t.equal((await get('/', options)).status, 200)
  t.equal((await get('/v1/models', options)).status, 401)
  t.equal((await get('/metrics', options)).status, 401)
})

t.test('no page, no file of it', async (t) => {
  for (const path of ['/', '/page/app.js']) t.equal((await get(path, { page: false })).status, 404)
  t.equal((await get('/page/../../package.json')).status, 404)
  t.equal((await get('/page/main.tsx')).status, 404)
})

t.test('the page is small, and asks no other host', (t) => {
  const files = readdirSync(folder)
  t.same(files.sort(), ['LICENSES.txt', 'app.js', 'icon.svg', 'index.html', 'style.css'])
  const bytes = files.map((name) => statSync(join(folder, name)).size)
  t.ok(bytes.reduce((sum, size) => sum + size) <= 250_000, `${bytes} bytes`)
  for (const name of ['index.html', 'style.css']) {
    t.notMatch(readFileSync(join(folder, name), 'utf8'), /https?:\/\/|@import|url\(/, name)
  }
  // Names of XML's vocabularies are no addresses.
  const script = readFileSync(join(folder, 'app.js'), 'utf8').replaceAll(/https?:\/\/www\.w3\.org\/[\w/]+/g, '')
  t.same(script.match(/["'`]https?:\/\/[\w.]+/g), null)
  t.match(readFileSync(join(folder, 'LICENSES.txt'), 'utf8'), /marked[\s\S]+MIT|Permission[\s\S]+preact[\s\S]+MIT/)
  t.end()
})
