import { once } from 'node:events'
import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import type { LLM } from '../llm.js'
import { withoutPart } from '../model/gguf/part-names.js'
import { loadTable } from '../options/load.js'
import { type AccessRecord, listenDefaults, listenTable } from '../server/options.js'
import type { Interrupts } from './interrupts.js'
import { loadForCommand } from './load.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, readFlag } from './options.js'
import { note, reportFailure } from './report.js'

/** Milliseconds that running requests get after a signal. */
const deadline = 10_000

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value]

/** `serve`: models over HTTP. */
export function serveCommand(interrupts: Interrupts): Command {
  const command = new Command('serve')
    .summary('serves models over HTTP')
    .description('Serves each MODEL, under the name of its folder or as NAME=MODEL, until SIGINT or SIGTERM.')
    .argument('<model...>')
  return addServing(command, interrupts, 'serve ./phi-3-mini-int4 --port 8000')
}

/** `run`: from a reference to a model that is served. */
export function runCommand(interrupts: Interrupts): Command {
  const command = new Command('run')
    .summary('downloads a model and serves it')
    .description('Downloads MODEL unless it is on this machine, loads it and serves it,\nuntil SIGINT or SIGTERM.')
    .argument('<model>')
  return addServing(command, interrupts, 'run huggingface://owner/repo/model.yaml')
}

function addServing(command: Command, interrupts: Interrupts, example: string): Command {
  command
    .option(
      '--port <n>',
      'port; 0 takes a free one',
      (text: string) => readFlag(listenTable.port, text, undefined),
      listenDefaults.port,
    )
    .option('--host <address>', 'address to listen on; beyond loopback it needs an API key', listenDefaults.host)
    .option('--api-key <key>', 'what clients must send; repeatable (or OPENVINO_LLM_API_KEY)', collect)
    .option('--allowed-host <name>', 'name by which clients call a server on loopback; repeatable', collect)
    .option('--insecure', 'lets everybody who reaches the address use the models')
    .option('--no-page', 'no page to chat in a browser at /')
    .option('--access-log', 'writes a line of JSON to standard output for each request')
  addFlags(command, flagsOf(loadTable))
  addCommonFlags(command).addHelpText('after', `\nExample: openvino-llm ${example}`)
  return command.action(async (models: string | string[], flags: Flags) => {
    const served = new Map<string, LLM>()
    try {
      for (const model of [models].flat()) {
        const [, given, path = model] = /^([\w.:-]+)=(.+)$/.exec(model) ?? []
        const plain = given ?? basename(resolve(withoutPart(path))).replace(/\.gguf$/i, '')
        // A model.yaml says what its model is called, but only once it is read.
        const ownName = given === undefined && /\.ya?ml(#.*)?$/i.test(path)
        const clash = (name: string) => command.error(`error: two models are called ${name}: give one as NAME=MODEL`)
        if (!ownName && served.has(plain)) clash(plain)
        const llm = await loadForCommand(path, flags, interrupts)
        const name = (ownName && llm.info.modelYaml?.name) || plain
        if (served.has(name)) {
          await llm.close()
          clash(name)
        }
        served.set(name, llm)
      }
      await serve(served, flags, interrupts)
    } finally {
      await Promise.all([...served.values()].map((llm) => llm.close()))
    }
  })
}

async function serve(models: ReadonlyMap<string, LLM>, flags: Flags, interrupts: Interrupts): Promise<void> {
  // The command line is quick to start: what speaks HTTP is loaded only here.
  const { createServer } = await import('../server/index.js')
  const server = createServer(Object.fromEntries(models), {
    apiKeys: apiKeysOf(flags),
    page: flags.page !== false,
    onError: (error, requestId) => {
      note(`request ${requestId} failed`)
      reportFailure(error, flags.verbose === true)
    },
    ...(flags.accessLog === true && {
      onAccess: (record: AccessRecord) => void process.stdout.write(`${JSON.stringify(record)}\n`),
    }),
  })
  const { url } = await server.listen({
    port: flags.port as number,
    host: flags.host as string,
    allowedHosts: (flags.allowedHost as string[] | undefined) ?? [],
    insecure: flags.insecure === true,
  })
  note(`serving ${[...models.keys()].join(', ')} at ${url}/v1`)
  if (flags.page !== false) note(`chat in a browser at ${url}`)
  interrupts.graceMs = deadline + 2000
  if (!interrupts.signal.aborted) await once(interrupts.signal, 'abort')
  note('closing; requests that run get 10 seconds')
  await server.close({ deadline })
}

function apiKeysOf(flags: Flags): string[] {
  const fromEnvironment = process.env['OPENVINO_LLM_API_KEY']
  return (flags.apiKey as string[] | undefined) ?? (fromEnvironment ? [fromEnvironment] : [])
}
