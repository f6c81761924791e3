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
  both are, what CPU time both take, and how much memory ours takes: the library's first call in a process, its second one, and the whole
  command; curl checks no hash, so it is also measured with one after it
  --limit N  megabytes that the hub sends in a second, to all together, as a network would (default: no limit)`

/** What the files repeat. */
const block = Buffer.alloc(2 ** 20, 'the quick brown fox jumps over the lazy dog, ')
const path = 'model.gguf'
const commit = 'c'.repeat(40)

const main = join(import.meta.dirname, '../dist/cli/main.js')

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
      const repo = `owner/${index}`
      const url = `${address}/${repo}/resolve/${commit}/${path}`
      const [file, cache] = [join(folder, 'curl'), join(folder, 'cache')]
      /** @type {Record<'first' | 'second' | 'command' | 'curl' | 'hashed', Run[]>} */
      const runs = { first: [], second: [], command: [], curl: [], hashed: [] }
      for (let round = 0; round < Number(values.rounds); round++) {
        const child = fork(import.meta.filename, ['--role', 'download', address, cache, repo])
        const [[first, second]] = await once(child, 'message')
        await once(child, 'exit')
        runs.first.push(first)
        runs.second.push(second)
        await shell(`curl -sLf -o '${file}' '${url}'`).then((run) => runs.curl.push(run))
        const hash = await shell(`openssl dgst -sha256 '${file}'`)
        await rm(file)
        const [{ seconds, cpu }] = runs.curl.slice(-1)
        runs.hashed.push({ seconds: seconds + hash.seconds, cpu: cpu + hash.cpu })
        const command = `HF_ENDPOINT='${address}' HF_HUB_CACHE='${cache}' '${process.execPath}' '${main}' pull ${repo}`
        runs.command.push(await shell(command))
        await rm(cache, { recursive: true })
      }
      const named = {
        first: 'first call',
        second: 'second call',
        command: 'command',
        curl: 'curl',
        hashed: 'curl, SHA-256',
      }
      console.log(`${megabytes(bytes)} MB       MB/s (min-max)    CPU s/GB   beside curl   peak MB`)
      for (const [kind, name] of Object.entries(named)) {
        const of = runs[/** @type {keyof typeof runs} */ (kind)]
        const speeds = of.map(({ seconds }) => bytes / seconds)
        const ratio = median(of.map(({ seconds }, round) => (runs.curl[round]?.seconds ?? Number.NaN) / seconds))
        const peak = of[0]?.peak === undefined ? '' : megabytes(median(of.map(({ peak = Number.NaN }) => peak)))
        const spread = `(${megabytes(Math.min(...speeds))}-${megabytes(Math.max(...speeds))})`
        const cpu = median(of.map(({ cpu }) => (cpu * 1e9) / bytes)).toFixed(2)
        console.log(
          `${name.padEnd(14)} ${megabytes(median(speeds)).padStart(5)} ${spread.padEnd(12)} ${cpu.padStart(8)} ${ratio.toFixed(2).padStart(12)} ${peak.padStart(12)}`,
        )
      }
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
    return { type: 'file', path, oid: `${index}`.repeat(40), size, lfs }
  })
  const server = createServer(async (request, response) => {
    const asked = request.url ?? ''
    const file = files[Number(/\/owner\/(\d)\//.exec(asked)?.[1])]
    if (asked.includes('/revision/')) return response.end(JSON.stringify({ sha: commit }))
    if (asked.includes('/tree/')) return response.end(JSON.stringify([file]))
    const size = file?.size ?? 0
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

/**
 * Downloads twice: the first time what is needed for it is loaded, too.
 * @param {[endpoint: string, cacheDir: string, repo: string]} what
 */
async function download([endpoint, cacheDir, repo]) {
  const { snapshot } = await import('../dist/hub/download.js')
  const runs = []
  for (let call = 0; call < 2; call++) {
    const start = performance.now()
    const before = process.cpuUsage()
    await snapshot({ repo, endpoint, cacheDir, offline: false, select: () => [path], warn: console.warn })
    const seconds = (performance.now() - start) / 1000
    const { user, system } = process.cpuUsage(before)
    runs.push({ seconds, cpu: (user + system) / 1e6, peak: await peakMemory() })
    await rm(cacheDir, { recursive: true })
  }
  process.send?.(runs)
  process.disconnect()
}

/** Bytes of memory that this process had at most. */
async function peakMemory() {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(status) ?? []
  return kilobytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kilobytes) * 1024
}
