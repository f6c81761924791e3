import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { repoFiles } from '#lib/hub/download.js'
import { httpsText } from '#lib/hub/https-text.js'
import type { DownloadProgress } from '#lib/hub/progress.js'
import { Downloading, repo } from './downloading.js'
import { noise, refuse } from './fake-hub.js'

// A token of whoever runs the tests would change what the errors say.
process.env.HF_HOME = t.testdir()
process.env.HF_TOKEN = ''

const weights = noise(9_000_000)
const files = { 'config.json': '{}', 'openvino_model.bin': weights }
const bin = 'openvino_model.bin'

/** Of the cache after a failure. */
const blobs = (it: Downloading): string[] => {
  const folder = join(it.cacheDir, 'models--owner--model/blobs')
  return existsSync(folder) ? readdirSync(folder) : []
}

t.test('a repository that is private, gated or missing', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  it.hub.commit('owner/model-int4', files)
  const api = /^\/api\/models\/owner\/[^/]+\/revision/

  it.hub.fault = ({ path }, response) => {
    if (!api.test(path)) return false
    refuse(response, 401, 'RepoNotFound', 'Invalid username or password.')
    return true
  }
  await t.rejects(it.snapshot({ repo: 'owner/model-int8', token: '' }), {
    code: 'ERR_ACCESS',
    message:
      /^owner\/model-int8: .*\(401\): it is private or does not exist; .*HF_TOKEN.*did you mean owner\/model-int4\?/,
  })
  await t.rejects(it.snapshot(), { code: 'ERR_ACCESS', message: /the token \(HF_TOKEN\) is not valid/ })

  it.hub.fault = ({ path }, response) => {
    if (!api.test(path)) return false
    refuse(response, 403, 'GatedRepo', 'Access to model owner/model is restricted.')
    return true
  }
  const page = `${it.hub.url}/${repo}`
  await t.rejects(it.snapshot({ token: '' }), { code: 'ERR_ACCESS', message: new RegExp(`${page}, then set HF_TOKEN`) })
  await t.rejects(it.snapshot(), { code: 'ERR_ACCESS', message: new RegExp(`${page} with the account of the token`) })

  it.hub.fault = () => false
  await t.rejects(it.snapshot({ repo: 'owner/modle' }), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: /^owner\/modle: .*did you mean owner\/model\?/,
  })
  await t.rejects(it.snapshot({ revision: 'mai' }), {
    code: 'ERR_MODEL_NOT_FOUND',
    message: /no revision "mai"; did you mean main\?/,
  })
  await t.rejects(it.snapshot({ repo: 'owner/../secret' }), TypeError)
  await t.rejects(it.snapshot({ revision: '../../x' }), TypeError)
  t.same(readdirSync(it.cacheDir), [])
})

t.test('what may pass is asked again; a hub that wants to be left alone for long is not waited for', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  const answers = [
    () => ({ status: 500, headers: {} }),
    () => ({ status: 429, headers: { 'retry-after': '0' } }),
    () => ({ status: 503, headers: { 'retry-after': new Date(Date.now() - 1000).toUTCString() } }),
  ]
  const left = new Map(['revision', 'tree', 'resolve', 'cdn'].map((what) => [what, [...answers]]))
  it.hub.fault = ({ path, host }, response) => {
    const what = [...left.keys()].find((each) => path.includes(`/${each}/`)) ?? host
    const answer = left.get(what)?.shift()?.()
    if (answer) response.writeHead(answer.status, answer.headers).end('busy')
    return answer !== undefined
  }
  const { folder } = await it.snapshot()
  t.ok(readFileSync(join(folder, bin)).equals(weights))
  t.same([...left.values()].flat(), [])

  it.hub.fault = (_, response) => {
    response.writeHead(429, { 'retry-after': '3600', 'x-error-message': 'too many requests' }).end()
    return true
  }
  await t.rejects(it.snapshot({ revision: 'other' }), {
    code: 'ERR_NETWORK',
    message: /429, and asks to wait for 3600 s: too many requests/,
  })
})

t.test('when the hub does not answer, what is complete is used with a warning', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  const first = await it.snapshot()
  it.hub.fault = (_, response) => {
    response.writeHead(500).end()
    return true
  }
  it.hub.asked()
  t.same(await it.snapshot(), first)
  t.equal(it.hub.asked().length, 1)
  t.match(it.warnings, [/^owner\/model: what is in the cache is used, whether or not main has moved: .*500/])
  await it.hub.close()
  t.same(await it.snapshot(), first)
  t.match(it.warnings[1], /ECONNREFUSED/)
})

t.test('connections that break off go on where they broke off', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  let cuts = 0
  it.hub.fault = ({ host, range = '' }, response) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(range) ?? []
    if (host !== 'cdn' || cuts === 6) return false
    cuts++
    const part = weights.subarray(Number(from), Number(from) + 100_000)
    response.writeHead(206, {
      'content-range': `bytes ${from}-${to}/${weights.length}`,
      'content-length': Number(to) - Number(from) + 1,
    })
    response.write(part, () => response.destroy())
    return true
  }
  const { folder } = await it.snapshot()
  t.ok(readFileSync(join(folder, bin)).equals(weights))
  t.equal(cuts, 6)
  // Nothing but what lacked was asked for again.
  const asked = it.hub.seen.filter(({ host }) => host === 'cdn').length
  t.equal(asked, 2 + cuts)
})

t.test('a signed address that has run out is renewed', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  let refused = 0
  it.hub.fault = ({ host, range }, response) => {
    if (host !== 'cdn' || refused > 0 || range?.startsWith('bytes=0-')) return false
    refused++
    response.writeHead(403).end('expired')
    return true
  }
  const { folder } = await it.snapshot()
  t.ok(readFileSync(join(folder, bin)).equals(weights))
  t.equal(refused, 1)
  t.equal(it.hub.asked().filter((path) => path === `/owner/model/resolve/${commit}/${bin}`).length, 2)
})

t.test('a server without ranges is read from the beginning', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  it.hub.ranges = false
  const blob = join(it.cacheDir, 'models--owner--model/blobs', it.hub.etag(repo, commit, bin))
  mkdirSync(join(blob, '..'), { recursive: true })
  writeFileSync(`${blob}.incomplete`, weights.subarray(0, 5_000_000))
  const { folder } = await it.snapshot()
  t.ok(readFileSync(join(folder, bin)).equals(weights))
  t.equal(it.hub.seen.filter(({ host }) => host === 'cdn').length, 1)
})

t.test('a wrong size or hash is an error that names the file, and nothing stays', async (t) => {
  for (const [content, message] of [
    [Buffer.concat([weights, Buffer.from('x')]), /^owner\/model\/openvino_model\.bin: expected 9000000 bytes.*9000001/],
    [noise(9_000_000, 2), /^owner\/model\/openvino_model\.bin: expected the SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}/],
  ] as const) {
    const it = await Downloading.start(t)
    const commit = it.hub.commit(repo, files)
    it.hub.fault = ({ host, range = '' }, response) => {
      if (host !== 'cdn') return false
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(range) ?? []
      const headers = { 'content-range': `bytes ${from}-${to}/${content.length}` }
      response.writeHead(206, headers).end(content.subarray(Number(from), Number(to) + 1))
      return true
    }
    await t.rejects(it.snapshot(), { code: 'ERR_INTEGRITY', message })
    // Others may have been cut off, and go on next time.
    t.notOk(blobs(it).some((name) => name.startsWith(it.hub.etag(repo, commit, bin))))
    await t.rejects(it.snapshot({ offline: true }), { code: 'ERR_OFFLINE' })
  }

  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  it.hub.fault = ({ path }, response) => {
    if (path.endsWith('config.json')) response.end('[]')
    return path.endsWith('config.json')
  }
  await t.rejects(it.snapshot(), { code: 'ERR_INTEGRITY', message: /config\.json: expected the git SHA-1/ })
})

t.test('an abort rejects with its reason, and what has come is kept', async (t) => {
  const it = await Downloading.start(t)
  const commit = it.hub.commit(repo, files)
  const blob = join(it.cacheDir, 'models--owner--model/blobs', it.hub.etag(repo, commit, bin))
  const stop = new AbortController()
  const reason = new Error('enough')
  // Nothing follows the first 3 MB.
  it.hub.fault = ({ host, range }, response) => {
    if (host !== 'cdn') return false
    if (range?.startsWith('bytes=0-')) {
      response.writeHead(206, { 'content-range': `bytes 0-8388607/${weights.length}`, 'content-length': 8388608 })
      response.write(weights.subarray(0, 3_000_000))
    }
    return true
  }
  const onProgress = ({ done }: { done: number }) => done >= 3_000_000 && stop.abort(reason)
  await t.rejects(it.snapshot({ signal: stop.signal, onProgress }), reason)
  t.ok(readFileSync(`${blob}.incomplete`).equals(weights.subarray(0, 3_000_000)))
  it.hub.fault = () => false
  it.hub.asked()
  const reports: DownloadProgress[] = []
  const { folder } = await it.snapshot({ onProgress: (progress) => reports.push(progress) })
  t.match(reports.at(-1), { done: 9_000_002, total: 9_000_002, secondsLeft: 0 })
  t.ok(readFileSync(join(folder, bin)).equals(weights))
  t.match(it.hub.seen.find(({ host }) => host === 'cdn')?.range, /^bytes=3000000-/)
  await t.rejects(it.snapshot({ signal: AbortSignal.abort(reason) }), reason)
})

t.test('listings come in pages, and a hostile one is refused', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, { a: '1', 'b/c': '2', d: '3', e: '4' })
  it.hub.pageSize = 2
  t.same((await it.snapshot()).files, ['a', 'b/c', 'd', 'e'])
  t.equal(it.hub.asked().filter((path) => path.includes('/tree/')).length, 3)

  const oid = 'a'.repeat(40)
  const entry = { type: 'file', path: 'x', oid, size: 1 }
  const hostile: [entries: unknown, message: RegExp, link?: string][] = [
    [[{ ...entry, path: '../../x' }], /expected path to be a path within the repository, found "\.\.\/\.\.\/x"/],
    [[{ ...entry, path: '/etc/x' }], /path/],
    [[{ ...entry, path: 'a\\..\\x' }], /path/],
    [[{ ...entry, path: 'C:x' }], /path/],
    [[{ ...entry, oid: '../x' }], /oid of x/],
    [[{ ...entry, size: -1 }], /size of x/],
    [[{ ...entry, lfs: { oid: '../x', size: 1 } }], /lfs\.oid of x/],
    [{ no: 'array' }, /an array/],
    [[entry], /Link to be an address of the same hub/, '<https://elsewhere.example/api>; rel="next"'],
    [[], /entries before the next page/, '</api/models/owner/model/tree/x>; rel="next"'],
  ]
  for (const [entries, message, link] of hostile) {
    const one = await Downloading.start(t)
    one.hub.commit(repo, files)
    one.hub.fault = ({ path }, response) => {
      if (!path.includes('/tree/')) return false
      response.writeHead(200, link === undefined ? {} : { link }).end(JSON.stringify(entries))
      return true
    }
    await t.rejects(one.snapshot(), { code: 'ERR_NETWORK', message })
  }
  it.hub.fault = (_, response) => response.end('{"sha": "../../x"}') && true
  await t.rejects(it.snapshot({ revision: 'other' }), { code: 'ERR_NETWORK', message: /sha to be a commit/ })
})

t.test('redirects are followed within bounds', async (t) => {
  const it = await Downloading.start(t)
  it.hub.commit(repo, files)
  for (const location of ['/loop', 'file:///etc/passwd', 'http://']) {
    it.hub.fault = (_, response) => response.writeHead(302, { location }).end() && true
    await t.rejects(repoFiles(repo, 'main', { endpoint: it.hub.url, cacheDir: it.cacheDir }), {
      code: 'ERR_NETWORK',
      message: /a redirect that is not followed/,
    })
  }
})

t.test('a text from anywhere has a limit, and the token stays at home', async (t) => {
  const it = await Downloading.start(t)
  const other = await Downloading.start(t)
  const options = { endpoint: it.hub.url, token: 'hf_test', limit: 10, offline: false }
  for (const { hub } of [it, other])
    hub.fault = ({ path }, response) => response.writeHead(path === '/a' ? 200 : 404).end('name: 世') && true
  t.equal(await httpsText(`${it.hub.url}/a`, options), 'name: 世')
  t.equal(await httpsText(`${other.hub.url}/a`, options), 'name: 世')
  t.same([it.hub.seen[0]?.token, other.hub.seen[0]?.token], ['Bearer hf_test', undefined])
  await t.rejects(httpsText(`${it.hub.url}/a`, { ...options, limit: 8 }), {
    code: 'ERR_NETWORK',
    message: /at most 8 bytes/,
  })
  await t.rejects(httpsText(`${it.hub.url}/b`, options), { code: 'ERR_MODEL_NOT_FOUND' })
  await t.rejects(httpsText(`${it.hub.url}/a`, { ...options, offline: true }), { code: 'ERR_OFFLINE' })
  await t.rejects(httpsText('http://example.com/model.yaml', options), TypeError)
  await t.rejects(httpsText('file:///etc/passwd', options), TypeError)
})
