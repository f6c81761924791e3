import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Env, Hono } from 'hono'

/** Where the build puts the page; `page/` in the repository is its source. */
const folder = new URL('../page/', import.meta.url)

/** The files of the page by their paths. */
const files: Readonly<Record<string, { name: string; type: string }>> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/page/app.js': { name: 'app.js', type: 'text/javascript; charset=utf-8' },
  '/page/style.css': { name: 'style.css', type: 'text/css; charset=utf-8' },
  '/page/icon.svg': { name: 'icon.svg', type: 'image/svg+xml' },
  '/page/LICENSES.txt': { name: 'LICENSES.txt', type: 'text/plain; charset=utf-8' },
}

const headers = {
  // Models write what the page shows. Even if the page were wrong, the browser runs, loads and asks nothing but what this server sends,
  // and makes no element out of text.
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // A new version of the package is seen at once; what has not changed is not sent again.
  'cache-control': 'no-cache',
}

/** Answers for the chat page at `/`. The files are read when they are first asked for. */
export function servePage<E extends Env>(app: Hono<E>): void {
  for (const [path, { name, type }] of Object.entries(files)) {
    let read: Promise<{ body: Buffer; etag: string }> | undefined
    app.get(path, async (c) => {
      read ??= readFile(new URL(name, folder)).then((body) => {
        return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
      })
      const { body, etag } = await read
      const all = { ...headers, etag }
      if (c.req.header('if-none-match') === etag) return new Response(null, { status: 304, headers: all })
      return new Response(new Uint8Array(body), { headers: { ...all, 'content-type': type } })
    })
  }
}
