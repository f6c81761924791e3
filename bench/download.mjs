// @ts-check
import { fork, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { runMain } from '../scripts/run.mjs'

const usage = `npm run bench:download -- [--gigabytes N] [--rounds N] [--limit N] [--folder FOLDER]
  downloads a file of N (default 1) gigabytes and one of a quarter of it from a hub on this machine, in turns with curl, and says how fast
  both are and what memory each takes
  --limit N  megabytes that the hub sends in a second, to all together, as a network would (default: no limit)`

/** What the files repeat. */
const block = Buffer.alloc(2 ** 20, 'the quick brown fox jumps over the lazy dog, ')
const repo = 'owner/model'
const commit = 'c'.repeat(40)

runMain(async () => {
  const options = /** @type {const} */ ({
    gigabytes: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    limit: { type: 'string', default: 'Infinity' },
    folder: { type: 'string', default: tmpdir() },
    role: { type: 'string', default: '' },
    help: { type: 'boolean' },
  })
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) return console.log(usage)
  if (values.role === 'serve') return serve(positionals.map(Number), Number(values.limit) * 1e6)
  if (values.role === 'download') return download(/** @type {[string, string, string]} */ (positionals))
  const blocks = Math.ceil((Number(values.gigabytes) * 1e9) / block.length)
  const sizes = [Math.ceil(blocks / 4), blocks]
  const server = fork(import.meta.filename, ['--role', 'serve', '--limit', values.limit, ...sizes.map(String)])
  const [address] = await once(server, 'message')
  const folder = await mkdtemp(join(values.folder, 'download-'))
  try {
    for (const [index, count] of sizes.entries()) {
      /** @type {{ ours: number[], curl: number[], memory: number[] }} */
      const found = { ours: [], curl: [], memory: [] }
      for (let round = 0; round < Number(values.rounds); round++) {
        const child = fork(import.meta.filename, ['--role', 'download', address, join(folder, 'cache'), `${index}.bin`])
        const [{ seconds, peak }] = await once(child, 'message')
        await once(child, 'exit')
        found.ours.push((count * block.length) / seconds)
        found.memory.push(peak)
        await rm(join(folder, 'cache'), { recursive: true })
        const url = `${address}/${repo}/resolve/${commit}/${index}.bin`
        const start = performance.now()
        await once(spawn('curl', ['-sLf', '-o', join(folder, 'curl'), url], { stdio: 'inherit' }), 'exit')
        found.curl.push((count * block.length) / ((performance.now() - start) / 1000))
        await rm(join(folder, 'curl'))
      }
      const [ours, curl] = [median(found.ours), median(found.curl)]
      const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(0)
      console.log(
        `${megabytes(count * block.length)} MB: ${megabytes(ours)} MB/s, curl ${megabytes(curl)} MB/s, ratio ${(ours / curl).toFixed(2)}; ` +
          `peak memory ${megabytes(median(found.memory))} MB`,
      )
    }
  } finally {
    server.kill()
    await rm(folder, { recursive: true })
  }
})

/** @param {number[]} numbers */
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN

/**
 * A hub whose files are so many blocks each, in the shapes that downloads need.
 * @param {number[]} counts
 * @param {number} limit bytes in a second
 */
function serve(counts, limit) {
  // When the next byte may leave.
  let free = 0
  const files = counts.map((count, index) => {
    const hash = createHash('sha256')
    for (let i = 0; i < count; i++) hash.update(block)
    const size = count * block.length
    const lfs = { oid: hash.digest('hex'), size, pointerSize: 130 }
    return { type: 'file', path: `${index}.bin`, oid: `${index}`.repeat(40), size, lfs }
  })
  const server = createServer(async (request, response) => {
    const path = request.url ?? ''
    if (path.includes('/revision/')) return response.end(JSON.stringify({ sha: commit }))
    if (path.includes('/tree/')) return response.end(JSON.stringify(files))
    const size = files[Number(/(\d)\.bin$/.exec(path)?.[1])]?.size ?? 0
    const [, from = '0', to = `${size - 1}`] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const [first, end] = [Number(from), Number(to) + 1]
    response.writeHead(request.headers.range ? 206 : 200, {
      'content-length': end - first,
      ...(request.headers.range && { 'content-range': `bytes ${from}-${to}/${size}` }),
    })
    for (let at = first; at < end && !response.destroyed; ) {
      const offset = at % block.length
      const piece = block.subarray(offset, Math.min(offset + 256 * 1024, offset + end - at))
      at += piece.length
      free = Math.max(free, performance.now()) + (piece.length / limit) * 1000
      if (free > performance.now() + 5) await sleep(free - performance.now())
      if (!response.write(piece)) {
        await new Promise((resolve) => {
          response.once('drain', resolve).once('close', resolve)
        })
        response.removeAllListeners('drain').removeAllListeners('close')
      }
    }
    response.end()
  })
  server.listen(0, '127.0.0.1', () => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    process.send?.(`http://127.0.0.1:${port}`)
  })
}

/** @param {[endpoint: string, cacheDir: string, path: string]} what */
async function download([endpoint, cacheDir, path]) {
  const { snapshot } = await import('../dist/hub/download.js')
  const start = performance.now()
  await snapshot({ repo, endpoint, cacheDir, offline: false, select: () => [path], warn: console.warn })
  const seconds = (performance.now() - start) / 1000
  process.send?.({ seconds, peak: await peakMemory() })
  process.disconnect()
}

/** Bytes of memory that this process had at most. */
async function peakMemory() {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(status) ?? []
  return kilobytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kilobytes) * 1024
}
