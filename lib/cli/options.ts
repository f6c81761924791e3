import { type Command, InvalidArgumentError, Option } from 'commander'
import { propertyLines } from '../devices/properties.js'
import { chatOptionNames } from '../options/encode.js'
import { type GenerationOptions, generationRules } from '../options/generation.js'
import { type LoadOptions, loadRules } from '../options/load.js'
import * as check from '../options/rules.js'
import { resolveSampling } from '../options/sampling.js'

/** What commander makes of a command line: values by the names of the API. */
export type Flags = Readonly<Record<string, unknown>>

/** Turns a flag's text, and what earlier ones of the same name made, into the API's value. */
type Read = (text: string, previous: unknown) => unknown

const asText: Read = (text) => text
// What is no number stays text, so that the message can show it.
const toNumber = (text: string): unknown => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text)
const asNumbers: Read = (text) => text.split(',').map((part) => toNumber(part.trim()))
const asList: Read = (text, previous) => [...((previous as string[] | undefined) ?? []), text]

/** A flag whose value must obey the API's rule for it. */
function flag(flags: string, description: string, rule: check.Rule, read: Read = asText): Option {
  return new Option(flags, description).argParser((text: string, previous: unknown) => {
    const value = read(text, previous)
    if (!rule.accepts(value))
      throw new InvalidArgumentError(`Expected ${rule.expected}, received ${check.describe(value)}.`)
    return value
  })
}

const numberFlag = (flags: string, description: string, rule: check.Rule) => flag(flags, description, rule, toNumber)
const asQuantization: Read = (text) => (text === 'off' || text === 'group' ? text : toNumber(text))
const someText: check.Rule = {
  expected: 'text that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
}
const stopRule: check.Rule = {
  expected: 'at most 64 texts that are not empty',
  accepts: (value) =>
    generationRules.stop.accepts(value) && (value as string[]).every((word) => someText.accepts(word)),
}

/** The device, for commands that load no model for answers. */
export const deviceFlag = (): Option => flag('--device <name>', 'CPU, GPU, NPU, AUTO, … (default CPU)', someText)

/** Flags of loading a model; the ones after `--ov` are shown by --help-all only. */
export function loadFlags(): Option[] {
  return [
    deviceFlag(),
    numberFlag('--context-length <n>', "positions to use (default: the model's)", loadRules.contextLength),
    new Option('--ov <KEY=VALUE>', 'OpenVINO property; repeatable').argParser(property),
    ...rareLoadFlags().map((option) => option.hideHelp()),
  ]
}

function rareLoadFlags(): Option[] {
  return [
    flag('--precision <type>', 'auto, f32, bf16 or f16', loadRules.precision),
    numberFlag('--threads <n>', 'threads on the CPU (default: its performance cores)', loadRules.threads),
    new Option('--reserve-core', 'leaves one of those cores free'),
    numberFlag('--max-prompt-length <n>', 'tokens of the longest prompt, for NPU', loadRules.maxPromptLength),
    numberFlag('--min-response-length <n>', 'tokens of an answer to it, for NPU', loadRules.minResponseLength),
    flag('--engine <name>', 'auto, paged or stateful: many requests at once, or one', loadRules.engine),
    new Option('--ignore-memory', 'loads although memory will not do'),
    numberFlag('--kv-cache-bytes <n>', 'most memory of the KV cache', loadRules.kvCacheBytes),
    flag('--kv-cache-precision <type>', 'u8, u4, f16 or f32', loadRules.kvCachePrecision),
    flag('--rope-regime <name>', 'auto, short or long LongRoPE factors', loadRules.ropeRegime),
    flag('--cpu-kernel <name>', 'auto, openvino, own: what multiplies with weights', loadRules.cpuKernel),
    flag(
      '--activation-quantization <how>',
      'off, 32, 64, group: built-in kernels',
      loadRules.activationQuantization,
      asQuantization,
    ),
    numberFlag('--packed-cache-bytes <n>', 'keeps packed weights of models up to that', loadRules.packedCacheBytes),
    flag('--draft-model <model>', 'smaller model that guesses tokens', loadRules.draftModel),
  ]
}

/** Flags of estimating what a load will take. */
export function estimateFlags(): Option[] {
  const own = numberFlag('--concurrency <n>', 'requests of full context at once (default 1)', check.integer(1, 1024))
  const shared = new Set([
    '--device',
    '--context-length',
    '--ov',
    '--kv-cache-precision',
    '--precision',
    '--cpu-kernel',
    '--draft-model',
  ])
  const flags = loadFlags().filter(({ long }) => shared.has(long ?? ''))
  for (const option of flags) option.hideHelp(false)
  return [...flags, own]
}

/** Adds one property to those before it. */
function property(text: string, previous: Record<string, string> | undefined): Record<string, string> {
  const separator = text.indexOf('=')
  if (separator < 1) throw new InvalidArgumentError(`Expected KEY=VALUE, received ${check.describe(text)}.`)
  const one = { [text.slice(0, separator)]: text.slice(separator + 1) }
  try {
    propertyLines(one)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
  return { ...previous, ...one }
}

/** Flags of turning text into tokens. */
export function encodeFlags(): Option[] {
  return [
    flag('--bos <policy>', 'auto, file, ensure or never: token at the start', generationRules.bos),
    new Option('--split-special-tokens', 'special tokens in the text are plain text'),
  ]
}

/** Flags of the chat template. */
export function templateFlags(): Option[] {
  return [
    flag('--chat-template <name>', "one of the model's templates, or a template", generationRules.chatTemplate),
    flag('--system-fallback <how>', 'warn, merge-user: if the template drops system', generationRules.systemFallback),
  ]
}

/** Flags of one answer; the ones after `--context-overflow` are shown by --help-all only. */
export function generationFlags(): Option[] {
  const rules = generationRules
  const shown = [
    numberFlag('--max-new-tokens <n>', 'most tokens of the answer (default: context)', rules.maxNewTokens),
    numberFlag('--temperature <t>', 'above 0 samples, 0 is greedy', rules.temperature),
    numberFlag('--top-p <p>', 'samples from this share of probability', rules.topP),
    numberFlag('--top-k <k>', 'samples from so many tokens; 0: all', rules.topK),
    numberFlag('--seed <n>', 'makes sampling repeatable', rules.seed),
    flag('--stop <text>', 'ends the answer before this; repeatable', stopRule, asList),
    new Option('--ignore-eos', "goes on after the model's end tokens"),
    flag('--context-overflow <how>', 'error or drop-oldest', rules.contextOverflow),
  ]
  const rare = [
    new Option('--prompt-lookup', 'guesses from earlier text; quicker where answers quote'),
    numberFlag('--timeout <ms>', 'ends the answer with an error after so long', rules.timeout),
    new Option('--do-sample', 'samples at temperature 1 unless it is given'),
    flag('--stop-token-ids <ids>', 'further end tokens, e.g. 2,32000', rules.stopTokenIds, asNumbers),
    new Option('--no-skip-special-tokens', 'shows special tokens in the answer'),
    ...encodeFlags(),
    ...templateFlags(),
  ]
  return [...shown, ...rare.map((option) => option.hideHelp())]
}

/** Flags that every command has. `--help` shows what is used often and fits a screen. */
export function addCommonFlags(command: Command): Command {
  command.addOption(new Option('--verbose', 'shows where a failure comes from').hideHelp())
  if (!command.options.some((option) => option.hidden && option.long !== '--verbose')) return command
  command.option('--help-all', 'shows every option')
  command.on('option:help-all', () => {
    for (const option of command.options) option.hidden = false
    command.help()
  })
  return command
}

const isChatOnly = (option: Option): boolean => chatOptionNames.includes(option.attributeName())

/** Adds flags; those that only chat messages can have exclude the flag `rawFlag`. */
export function addFlags(command: Command, flags: readonly Option[], rawFlag?: string): Command {
  for (const option of flags) command.addOption(rawFlag && isChatOnly(option) ? option.conflicts(rawFlag) : option)
  return command
}

/** The options of an answer among the flags. Flags that exclude each other are wrong usage. */
export function generationOptions(flags: Flags, command: Command): GenerationOptions {
  const options = pick(flags, generationRules) as GenerationOptions
  try {
    resolveSampling(options, { doSample: false })
  } catch (error) {
    command.error(`error: ${(error as Error).message}`)
  }
  return options
}

/** The options of a load among the flags. */
export function loadOptions({ ov, ...flags }: Flags): LoadOptions {
  return { ...pick(flags, loadRules), ...(ov === undefined ? {} : { ovConfig: ov as Record<string, string> }) }
}

/** Whether a flag was given that only makes sense with a chat template. */
export function asksForChat(flags: Flags): boolean {
  return [...chatOptionNames, 'system'].some((name) => flags[name] !== undefined)
}

function pick(flags: Flags, table: Readonly<Record<string, check.Rule>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(flags).filter(([name, value]) => Object.hasOwn(table, name) && value !== undefined),
  )
}
