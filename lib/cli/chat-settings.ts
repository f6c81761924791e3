import type { GenerationOptions } from '../options/generation.js'
import { generationTable } from '../options/generation.js'
import { checkSampling } from '../options/resolve-sampling.js'
import { describe, didYouMean } from '../options/rules.js'
import type { Option } from '../options/table.js'
import { longName, readFlag, withoutJson } from './options.js'

const settable = Object.entries(withoutJson(generationTable)).filter(([, { flag }]) => flag)

/** The options of a chat's answers that do not have their default, one a line: a flag's name and its value. */
export function settingLines(options: GenerationOptions): string[] {
  return settable.flatMap(([name, row]) => {
    const value = options[name as keyof GenerationOptions]
    return value === undefined || value === row.default ? [] : [`${longName(name, row)} ${JSON.stringify(value)}`]
  })
}

/**
 * Options with one that was set as `/set` does it: by the option's name or its flag's, with the flag's value, `true` or `false` where the
 * flag has none. Without a value the option has its default again.
 * @throws Error that names the option, what was expected and what was found
 */
export function withSetting(options: GenerationOptions, line: string): GenerationOptions {
  const [, given = '', text] = /^(?:--)?(\S+)\s*(.*)$/s.exec(line) ?? []
  const [name, row] = settable.find(([one, option]) => given === one || given === longName(one, option)) ?? []
  if (name === undefined || row === undefined) {
    const known = settable.map(([one, option]) => longName(one, option))
    throw new Error(`unknown option ${given}${didYouMean(given, known)}`)
  }
  const { [name as keyof GenerationOptions]: _, ...others } = options
  const changed: GenerationOptions = text === '' ? others : { ...others, [name]: settingOf(row, given, text ?? '') }
  checkSampling(changed)
  return changed
}

function settingOf(row: Option, name: string, text: string): unknown {
  if (row.flag?.value === undefined) {
    if (text === 'true' || text === 'false') return text === 'true'
    throw new Error(`expected ${name} to be true or false, received ${describe(text)}`)
  }
  try {
    return readFlag(row, text, undefined)
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
  }
}
