import { type Command, Option as CommanderOption, InvalidArgumentError } from 'commander'
import { propertyLines } from '../devices/properties.js'
import { chatOptionNames, type GenerationOptions, generationTable } from '../options/generation.js'
import { type LoadOptions, loadTable } from '../options/load.js'
import { checkBeams } from '../options/resolve-beams.js'
import { checkSampling } from '../options/resolve-sampling.js'
import { describe } from '../options/rules.js'
import type { Flag, Option, Rows } from '../options/table.js'
import { jsonOrFile, responseFormatOf } from './answer-format.js'

/** What commander makes of a command line: values by the names of the API. */
export type Flags = Readonly<Record<string, unknown>>

/**
 * The flags of the options that have one.
 * @param shown whether --help shows the rare ones too
 */
export function flagsOf(table: Rows, shown = false): CommanderOption[] {
  return Object.entries(table).flatMap(([name, row]) => {
    if (!row.flag) return []
    const option = flagOf(name, row, row.flag)
    return [shown ? option : option.hideHelp(row.flag.rare === true)]
  })
}

function flagOf(name: string, row: Option, { value, help, showDefault }: Flag): CommanderOption {
  const text = showDefault ? `${help} (default ${row.default})` : help
  if (value === undefined)
    return new CommanderOption(`--${row.default === true ? 'no-' : ''}${longName(name, row)}`, text)
  const option = new CommanderOption(`--${longName(name, row)} ${value}`, text).argParser(
    (given: string, previous: unknown) => readFlag(row, given, previous),
  )
  // Commander takes `--no-repeat-ngram-size <n>` for the opposite of another flag.
  option.negate = false
  return option
}

/** The options of a table whose flags say something without JSON. */
export const withoutJson = (table: Rows): Rows =>
  Object.fromEntries(Object.entries(table).filter(([, { flag }]) => !flag?.json))

/** Flags that only JSON answers are wrong usage without --json. */
export function checkJsonFlags(flags: Flags, table: Rows, command: Command): void {
  for (const [name, row] of Object.entries(table)) {
    if (row.flag?.json && flags[name] !== undefined && !flags['json']) {
      command.error(`error: --${longName(name, row)} needs --json`)
    }
  }
}

/** The name of an option's flag, without dashes. */
export const longName = (name: string, { flag }: Option): string =>
  flag?.name ?? name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

// What is no number and no boolean stays text, so that the message can show it.
const toValue = (text: string): unknown => (text === 'true' || text === 'false' ? text === 'true' : toNumber(text))
const toNumber = (text: string): unknown => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text)

/**
 * A flag's text, with what earlier flags of the same name made, as the value of its option.
 * @throws InvalidArgumentError when it does not obey the option's rule
 */
export function readFlag(row: Option, text: string, previous: unknown): unknown {
  const wrong = (expected: string, found: unknown) =>
    new InvalidArgumentError(`Expected ${expected}, received ${describe(found)}.`)
  if (text === '') throw wrong(row.accepts(text) ? 'text that is not empty' : row.expected, text)
  switch (row.flag?.several) {
    case 'properties':
      return property(text, previous as Record<string, string> | undefined)
    case 'json':
      return accepted(json(text))
    case 'file':
      return accepted(fileOrJson(text))
    case 'repeated':
      return accepted([...((previous as string[] | undefined) ?? []), text])
    case 'commas':
      return accepted(text.split(',').map((part) => toNumber(part.trim())))
    default:
      return accepted(row.accepts(text) ? text : toValue(text))
  }
  function accepted(value: unknown): unknown {
    if (row.accepts(value)) return value
    throw wrong(row.expected, value)
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`Expected JSON (${(error as Error).message}).`)
  }
}

function fileOrJson(text: string): unknown {
  try {
    return jsonOrFile(text)
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`.replace(/^e/, 'E'))
  }
}

/** Adds one property to those before it. */
function property(text: string, previous: Record<string, string> | undefined): Record<string, string> {
  const separator = text.indexOf('=')
  if (separator < 1) throw new InvalidArgumentError(`Expected KEY=VALUE, received ${describe(text)}.`)
  const one = { [text.slice(0, separator)]: text.slice(separator + 1) }
  try {
    propertyLines(one)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
  return { ...previous, ...one }
}

/** Flags that every command has. `--help` shows what is used often and fits a screen. */
export function addCommonFlags(command: Command): Command {
  command.addOption(new CommanderOption('--verbose', 'shows where a failure comes from').hideHelp())
  if (!command.options.some((option) => option.hidden && option.long !== '--verbose')) return command
  command.option('--help-all', 'shows every option')
  command.on('option:help-all', () => {
    for (const option of command.options) option.hidden = false
    command.help()
  })
  return command
}

const isChatOnly = (option: CommanderOption): boolean => chatOptionNames.includes(option.attributeName())

/** Adds flags; those that only chat messages can have exclude the flag `rawFlag`. */
export function addFlags(command: Command, flags: readonly CommanderOption[], rawFlag?: string): Command {
  for (const option of flags) command.addOption(rawFlag && isChatOnly(option) ? option.conflicts(rawFlag) : option)
  return command
}

/** The options of an answer among the flags. Flags that exclude each other are wrong usage. */
export function generationOptions(flags: Flags, command: Command): GenerationOptions {
  const format = responseFormatOf(flags, command)
  const options: GenerationOptions = {
    ...optionsFrom(flags, generationTable),
    ...(format && { responseFormat: format }),
  }
  try {
    checkSampling(options)
    checkBeams(options)
  } catch (error) {
    command.error(`error: ${(error as Error).message}`)
  }
  return options
}

/** The options of a load among the flags. */
export const loadOptions = (flags: Flags): LoadOptions => optionsFrom(flags, loadTable)

/** The options of a table among the flags. */
export function optionsFrom(flags: Flags, table: Rows): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, row]) => {
      const value = flags[row.flag?.name ?? name]
      return row.flag && value !== undefined ? [[name, value]] : []
    }),
  )
}

/** The options that say how a reference is followed. */
export const references = { revision: loadTable.revision, offline: loadTable.offline }

/** Whether a flag was given that only makes sense with a chat template. */
export function asksForChat(flags: Flags): boolean {
  return [...chatOptionNames, 'system'].some((name) => flags[name] !== undefined)
}
