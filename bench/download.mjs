// @ts-check
import { fork, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { runMain } from '../scripts/run.mjs'

const usage = `npm run bench:download -- [--gigabytes N] [--rounds N] [--limit N] [--folder FOLDER]
  downloads a file of N (default 1) gigabytes and one of a quarter of it from a hub on this machine, in turns with curl, and says how fast
  both are, what CPU time both take, and how much memory ours takes; curl checks no hash, so it is also measured with one after it
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
      const bytes = count * block.length
      const url = `${address}/${repo}/resolve/${commit}/${index}.bin`
      const file = join(folder, 'curl')
      /** @type {Record<'ours' | 'curl' | 'hashed', Run[]>} */
      const runs = { ours: [], curl: [], hashed: [] }
      for (let round = 0; round < Number(values.rounds); round++) {
        const child = fork(import.meta.filename, ['--role', 'download', address, join(folder, 'cache'), `${index}.bin`])
        const [run] = await once(child, 'message')
        await once(child, 'exit')
        runs.ours.push(run)
        await rm(join(folder, 'cache'), { recursive: true })
        runs.curl.push(await shell(`curl -sLf -o '${file}' '${url}'`))
        const { seconds, cpu } = await shell(`openssl dgst -sha256 '${file}'`)
        const [{ seconds: fetching, cpu: fetchingCpu }] = runs.curl.slice(-1)
        runs.hashed.push({ seconds: seconds + fetching, cpu: cpu + fetchingCpu })
        await rm(file)
      }
      const speed = (/** @type {Run[]} */ of) => megabytes(median(of.map(({ seconds }) => bytes / seconds)))
      const cpu = (/** @type {Run[]} */ of) => median(of.map(({ cpu }) => (cpu * 1e9) / bytes)).toFixed(2)
      const ratio = (/** @type {Run[]} */ of) =>
        median(of.map(({ seconds }, round) => seconds / runs.ours[round].seconds)).toFixed(2)
      console.log(
        `${megabytes(bytes)} MB: ${speed(runs.ours)} MB/s, ${cpu(runs.ours)} s of CPU for 1 GB, peak memory ${megabytes(median(runs.ours.map(({ peak }) => peak ?? 0)))} MB\n` +
          `  curl ${speed(runs.curl)} MB/s, ${cpu(runs.curl)} s, ratio ${ratio(runs.curl)}; ` +
          `curl and a SHA-256 after it ${speed(runs.hashed)} MB/s, ${cpu(runs.hashed)} s, ratio ${ratio(runs.hashed)}`,
      )
    }
  } finally {
    server.kill()
    await rm(folder, { recursive: true })
  }
})

/** @typedef {{ seconds: number, cpu: number, peak?: number }} Run */

const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(0)

/**
 * Runs a command, and measures it.
 * @param {string} command
 * @returns {Promise<Run>}
 */
async function shell(command) {
  const start = performance.now()
  const child = spawn('sh', ['-c', `${command} >&2 && times`], { stdio: ['ignore', 'pipe', 'ignore'] })
  const seconds = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error(`${command}: exit code ${code}`)
    return (performance.now() - start) / 1000
  })
  // The second line is what the shell's children took: user and system time.
  const [, ofChildren = ''] = (await text(child.stdout)).split('\n')
  const cpu = [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60 + Number(s))
  return { seconds: await seconds, cpu: cpu.reduce((sum, each) => sum + each, 0) }
}

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
  const before = process.cpuUsage()
  await snapshot({ repo, endpoint, cacheDir, offline: false, select: () => [path], warn: console.warn })
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  process.send?.({ seconds, cpu: (user + system) / 1e6, peak: await peakMemory() })
  process.disconnect()
}

/** Bytes of memory that this process had at most. */
async function peakMemory() {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(status) ?? []
  return kilobytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kilobytes) * 1024
}
