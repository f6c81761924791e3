import { once } from 'node:events'
import type { Models, Server } from '../server/index.js'
import { type AccessRecord, type ApiKey, type ListenOptions, listenDefaults } from '../server/options.js'
import type { Interrupts } from './interrupts.js'
import type { Flags } from './options.js'
import { note, reportFailure } from './report.js'
import { readKeyFile } from './serve-file/keys.js'
import { readServeFile, type ServeFile } from './serve-file/read.js'
import { readTls } from './serve-file/tls.js'

/** Milliseconds that running requests get after a signal. */
const deadline = 10_000

/** What is served, and what the command line says about it. */
interface Serving {
  models: Exclude<Models, { stream: unknown }>
  flags: Flags
  /** A flag that was given, and is no default. */
  given(name: string): unknown
  tls: ListenOptions['tls']
  /** Where those are, by the flags and a file that was read again. */
  tlsFiles(file: ServeFile | undefined): { cert: string; key: string } | undefined
  file: ServeFile | undefined
  /** The models of a file that was read again. */
  readAgain?(file: ServeFile): Models
  interrupts: Interrupts
}

/** Serves until a signal ends it. */
export async function serve(serving: Serving): Promise<void> {
  const { models, flags, tls, tlsFiles, file, readAgain, interrupts } = serving
  // The command line is quick to start: what speaks HTTP is loaded only here.
  const { createServer } = await import('../server/index.js')
  const keys = new KeySource(flags)
  const withLog = flags['accessLog'] === true || file?.accessLog === true
  const server = createServer(models, {
    ...file?.server,
    apiKeys: await keys.read(file),
    ...(flags['page'] === false && { page: false }),
    onError: (error, requestId) => {
      note(`request ${requestId} failed`)
      reportFailure(error, flags['verbose'] === true)
    },
    ...(withLog && { onAccess: (record: AccessRecord) => void process.stdout.write(`${JSON.stringify(record)}\n`) }),
  })
  const { url } = await server.listen(whereToListen(serving))
  note(`serving ${Object.keys(models).join(', ')} at ${url}/v1`)
  if (flags['page'] !== false && file?.server.page !== false) note(`chat in a browser at ${url}`)
  const stop = onHangUp(async () => {
    const again = file && (await readServeFile(file.file))
    const apiKeys = await keys.read(again)
    // Whether it speaks HTTPS at all is decided when it begins to listen.
    const certificate = tls && tlsFiles(again)
    const read = [again?.file, ...keys.files(again), certificate?.cert, certificate?.key].filter(Boolean)
    server.update({
      ...(again && { models: readAgain?.(again) }),
      ...(apiKeys.length > 0 && { apiKeys }),
      ...(certificate && { tls: await readTls(certificate) }),
    })
    note(`read again: ${read.join(', ') || 'nothing, there are no files'}`)
    if (again && file && fixedPart(again) !== fixedPart(file)) {
      note(`${again.file}: models, keys and certificate have changed; everything else needs a new start`)
    }
  })
  interrupts.graceMs = deadline + 2000
  if (!interrupts.signal.aborted) await once(interrupts.signal, 'abort')
  stop()
  await closeServer(server)
}

async function closeServer(server: Server): Promise<void> {
  note('closing; requests that run get 10 seconds')
  await server.close({ deadline })
}

function whereToListen({ file, flags, given, tls }: Pick<Serving, 'file' | 'flags' | 'given' | 'tls'>) {
  const { tls: _, ...where } = file?.listen ?? {}
  const allowed = (flags['allowedHost'] as string[] | undefined) ?? where.allowedHosts ?? []
  return {
    ...where,
    tls,
    port: (given('port') as number | undefined) ?? where.port ?? listenDefaults.port,
    host: (given('host') as string | undefined) ?? where.host ?? listenDefaults.host,
    allowedHosts: allowed,
    insecure: flags['insecure'] === true || where.insecure === true,
  } satisfies ListenOptions
}

/** Keys of the command line or the environment, and those of a file. */
class KeySource {
  readonly #flags: Flags

  constructor(flags: Flags) {
    this.#flags = flags
  }

  files(file: ServeFile | undefined): string[] {
    const named = (this.#flags['apiKeyFile'] as string | undefined) ?? file?.apiKeyFile
    return named === undefined ? [] : [named]
  }

  async read(file: ServeFile | undefined): Promise<(string | ApiKey)[]> {
    const fromEnvironment = process.env['OPENVINO_LLM_API_KEY']
    const plain = (this.#flags['apiKey'] as string[] | undefined) ?? (fromEnvironment ? [fromEnvironment] : [])
    const read = await Promise.all(this.files(file).map(readKeyFile))
    return [...plain, ...read.flat()]
  }
}

/** What a running server cannot change. */
const fixedPart = ({ listen: { tls, ...listen }, server, accessLog }: ServeFile): string =>
  JSON.stringify([tls !== undefined, listen, server, accessLog])

/** Calls back for each SIGHUP, one after another; a failure is told, and everything stays as it is. Gives what ends that. */
function onHangUp(read: () => Promise<void>): () => void {
  let last = Promise.resolve()
  const listener = () => {
    last = last.then(read).catch((error) => {
      note(`nothing has changed: ${(error as Error).message}`)
    })
  }
  process.on('SIGHUP', listener)
  return () => void process.off('SIGHUP', listener)
}
