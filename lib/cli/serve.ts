import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import type { LLM } from '../llm.js'
import { withoutPart } from '../model/gguf/part-names.js'
import { loadTable } from '../options/load.js'
import { type ListenOptions, listenDefaults, listenTable } from '../server/options.js'
import type { Interrupts } from './interrupts.js'
import { loadForCommand } from './load.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, loadOptions, readFlag } from './options.js'
import { FileModels } from './serve-file/models.js'
import { isServeFile, parseServeFile, readServeFile, type ServeFile } from './serve-file/read.js'
import { readTls } from './serve-file/tls.js'
import { serve } from './serve-models.js'

const collect = (value: string, previous: string[] | undefined) => [...(previous ?? []), value]

/** `serve`: models over HTTP. */
export function serveCommand(interrupts: Interrupts): Command {
  const command = new Command('serve')
    .summary('serves models over HTTP')
    .description('Serves each MODEL, as NAME=MODEL or by its folder, or those of a serve.yaml.')
    .argument('[model...]')
    .option('--config <file>', 'a serve.yaml: models and options')
  return addServing(command, interrupts, 'serve ./phi-3-mini-int4 --port 8000')
}

/** `run`: from a reference to a model that is served. */
export function runCommand(interrupts: Interrupts): Command {
  const command = new Command('run')
    .summary('downloads a model and serves it')
    .description('Downloads MODEL if needed, loads it and serves it until SIGINT or SIGTERM.')
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
    .option('--api-key <key>', 'what clients send; repeatable (or OPENVINO_LLM_API_KEY)', collect)
    .option('--api-key-file <file>', 'lines NAME SHA256; SIGHUP reads it again')
    .option('--allowed-host <name>', 'another name of a server on loopback; repeatable', collect)
    .option('--tls-cert <file>', 'certificate (PEM), for HTTPS')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--insecure', 'lets everybody who reaches the address use the models')
    .option('--no-page', 'no page to chat in a browser at /')
    .option('--access-log', 'writes a line of JSON for each request')
  addFlags(command, flagsOf(loadTable))
  addCommonFlags(command).addHelpText('after', `\nExample: openvino-llm ${example}`)
  return command.action(async (named: string | string[], flags: Flags) => {
    // `run` takes one model, and no file of several.
    const file = Array.isArray(named) ? await serveFileOf(named, flags, command) : undefined
    const models = [named].flat()
    // What the command line says counts more than what the file says.
    const given = (name: string) => (command.getOptionValueSource(name) === 'cli' ? flags[name] : undefined)
    // What cannot be served must not be loaded first.
    const tls = await tlsOf(flags, file, command)
    const shared = { file, flags, given, interrupts, tls, tlsFiles: (read = file) => tlsFiles(flags, read) }
    if (file) {
      const fileModels = new FileModels()
      await serve({
        ...shared,
        models: fileModels.read(file.models),
        readAgain: (read) => fileModels.read(read.models),
      })
      return
    }
    const served = new Map<string, LLM>()
    try {
      for (const model of models) await loadNamed(model, served, flags, interrupts, command)
      await serve({ ...shared, models: Object.fromEntries(served) })
    } finally {
      await Promise.all([...served.values()].map((llm) => llm.close()))
    }
  })
}

/** The serve.yaml that is named by --config, or as the only MODEL. What is wrong with it is wrong usage. */
async function serveFileOf(models: string[], flags: Flags, command: Command): Promise<ServeFile | undefined> {
  try {
    const file = await readNamed(models, flags['config'] as string | undefined)
    if (!file && models.length === 0) command.error("error: missing required argument 'model'")
    if (file && Object.keys(loadOptions(flags)).length > 0) {
      command.error(`error: with ${file.file}, options of loads are those of its models`)
    }
    if (file && flags['config'] !== undefined && models.length > 0) {
      command.error('error: give either models or --config')
    }
    return file
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!(error instanceof TypeError) && code !== 'ENOENT' && code !== 'EACCES' && code !== 'EISDIR') throw error
    command.error(`error: ${(error as Error).message}`)
  }
}

/** The certificate of the flags, else of the file. What is wrong with it is wrong usage. */
async function tlsOf(flags: Flags, file: ServeFile | undefined, command: Command): Promise<ListenOptions['tls']> {
  const [cert, key] = [flags['tlsCert'], flags['tlsKey']] as [string?, string?]
  if ((cert === undefined) !== (key === undefined)) command.error('error: give both --tls-cert and --tls-key')
  const files = tlsFiles(flags, file)
  try {
    return files && (await readTls(files))
  } catch (error) {
    command.error(`error: ${(error as Error).message}`)
  }
}

/** Where certificate and key are. */
function tlsFiles(flags: Flags, file: ServeFile | undefined): { cert: string; key: string } | undefined {
  const [cert, key] = [flags['tlsCert'], flags['tlsKey']] as [string?, string?]
  return cert !== undefined && key !== undefined ? { cert, key } : file?.listen.tls
}

async function readNamed(models: readonly string[], config: string | undefined): Promise<ServeFile | undefined> {
  if (config !== undefined) return await readServeFile(config)
  const [only = '', ...others] = models
  if (others.length > 0 || !/^[^:]+\.ya?ml$/i.test(only)) return undefined
  const text = await readFile(only, 'utf8').catch(() => undefined)
  // Everything else is told by the loading of models.
  const isOne = text !== undefined && (await isServeFile(text, only).catch(() => false))
  return isOne ? await parseServeFile(text, only) : undefined
}

/** Loads one MODEL of the command line and adds it to the others. */
async function loadNamed(
  model: string,
  served: Map<string, LLM>,
  flags: Flags,
  interrupts: Interrupts,
  command: Command,
): Promise<void> {
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
