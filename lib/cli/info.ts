import { Command } from 'commander'
import type { ModelInfo } from '../info.js'
import { loadTable } from '../options/load.js'
import { size } from './byte-size.js'
import type { Interrupts } from './interrupts.js'
import { loadForCommand } from './load.js'
import { addCommonFlags, addFlags, type Flags, flagsOf } from './options.js'
import { oneLine } from './report.js'
import { put } from './terminal.js'

/** `info`: what is known of a model once it is loaded. */
export function infoCommand(interrupts: Interrupts): Command {
  const command = new Command('info')
    .summary('describes a model')
    .description('Loads MODEL and describes it: context, precisions, exporter, stop words, …')
    .argument('<model>')
    .option('--json', 'one JSON object with everything, as llm.info gives it')
  addFlags(command, flagsOf(loadTable))
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm info ./model --ov KV_CACHE_PRECISION=f16')
  return command.action(async (model: string, flags: Flags) => {
    await using llm = await loadForCommand(model, flags, interrupts)
    const { info } = llm
    await put(process.stdout, flags.json ? `${JSON.stringify(info)}\n` : infoText(info))
  })
}

/** The fields that people ask for, one a line. */
function infoText(info: ModelInfo): string {
  const { weights, exporter, memory, timings, precision, versions } = info
  const rows: [string, string][] = [
    ['model', info.source.path],
    ['repository', info.hub ? `${info.hub.repo}, commit ${info.hub.commit}` : ''],
    ['model.yaml', info.modelYaml ? `${info.modelYaml.name}, ${info.modelYaml.file}` : ''],
    ['folder', info.folder === info.source.path ? '' : info.folder],
    ['type', info.modelType],
    ['context', `${info.contextLength} tokens${info.contextReason && ` (${info.contextReason})`}`],
    ['LongRoPE', info.longRope ? `${info.longRope.regime}, changes at ${info.longRope.original} tokens` : ''],
    ['vocabulary', `${info.vocabularySize} tokens`],
    [
      'weights',
      `${size(memory.weights)} (${Object.entries(weights)
        .map(([type, bytes]) => `${type} ${size(bytes)}`)
        .join(', ')})`,
    ],
    ['precision', `computes in ${precision.inference}, KV cache in ${precision.kvCache}`],
    ['device', `${info.device}${info.devices.join() === info.device ? '' : ` → ${info.devices.join(', ')}`}`],
    ['because', info.deviceReason],
    ['longest', info.maxPromptLength < info.contextLength ? `${info.maxPromptLength} tokens of one prompt` : ''],
    ['runner', `${info.runner} (${info.runnerReason})`],
    ['checked', info.verdict?.reason ?? ''],
    ['at once', `${info.maxSequences} ${info.maxSequences === 1 ? 'answer' : 'answers'}`],
    ['batching', info.batchingReason === '' ? '' : `${info.batching} (${info.batchingReason})`],
    ['KV cache', info.kvCache.bytes > 0 ? `${info.kvCache.tokens} tokens, up to ${size(info.kvCache.bytes)}` : ''],
    ['draft model', info.draftModel],
    ['stops at', info.stopWords.map((word) => JSON.stringify(word)).join(', ')],
    ['stop ids', info.stopTokenIds.join(', ')],
    ['loaded with', changed(info.loadSettings)],
    ['defaults', changed(info.generationDefaults)],
    ['memory', `${size(memory.resident)} resident`],
    [
      'loaded in',
      `${seconds(timings.read)} reading, ${seconds(timings.compile)} compiling, ${seconds(timings.warmup)} warm-up`,
    ],
    ['versions', `openvino-llm ${versions.package}, OpenVINO ${versions.openvino}, Node ${versions.node}`],
    ['exporter', info.exporterDoubt],
    ...Object.entries(exporter).map(([name, value]): [string, string] => [name, value]),
  ]
  return rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${oneLine(`${name.padEnd(12)} ${value}`)}\n`)
    .join('')
}

/** Values that are not the built-in ones, with who set them. */
function changed(settings: ModelInfo['loadSettings'] | ModelInfo['generationDefaults']): string {
  return Object.entries(settings)
    .filter(([, { source }]) => source !== 'built-in')
    .map(([name, { value, source }]) => `${name} ${JSON.stringify(value)} (${source})`)
    .join(', ')
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
