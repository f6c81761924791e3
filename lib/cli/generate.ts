import { Command, Option } from 'commander'
import { LLMError } from '../errors.js'
import type { Prompt } from '../generation/prompt.js'
import type { GenerationResult } from '../generation/result.js'
import type { LLM } from '../llm.js'
import { type GenerationOptions, generationTable } from '../options/generation.js'
import { loadTable } from '../options/load.js'
import { formatFlags } from './answer-format.js'
import { textOf } from './input.js'
import type { Interrupts } from './interrupts.js'
import { loadForCommand } from './load.js'
import {
  addCommonFlags,
  addFlags,
  asksForChat,
  checkJsonFlags,
  type Flags,
  flagsOf,
  generationOptions,
} from './options.js'
import { note } from './report.js'
import { AnswerWriter, put, statsLine } from './terminal.js'

/** `generate`: one answer to one prompt. */
export function generateCommand(interrupts: Interrupts): Command {
  const command = new Command('generate')
    .summary('answers one prompt')
    .description('Answers PROMPT, or standard input: a user message if MODEL can chat, else text.')
    .argument('<model>')
    .argument('[prompt]')
    .addOption(new Option('--system <text>', 'system message').conflicts('raw'))
    .option('--raw', 'no chat template: the model continues the text')
    .option('--json', 'one JSON object instead of the text')
    .option('--stats', 'prints TTFT and tokens/s to standard error')
  addFlags(command, [...formatFlags(), ...flagsOf(generationTable), ...flagsOf(loadTable)], 'raw')
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm generate ./model "Why is the sky blue?"')
  return command.action(async (model: string, argument: string | undefined, flags: Flags) => {
    const { signal } = interrupts
    checkJsonFlags(flags, generationTable, command)
    const options = { ...generationOptions(flags, command), signal }
    const text = await textOf(argument, command, signal)
    await using llm = await loadForCommand(model, flags, interrupts)
    const show = (prompt: Prompt) => (flags.json ? llm.generate(prompt, options) : print(llm, prompt, options))
    const ask = async (): Promise<GenerationResult> => {
      if (flags.raw) return await show(text)
      const system = typeof flags.system === 'string' ? [{ role: 'system', content: flags.system }] : []
      try {
        return await show([...system, { role: 'user', content: text }])
      } catch (error) {
        if (!(error instanceof LLMError && error.code === 'ERR_NO_CHAT_TEMPLATE') || asksForChat(flags)) throw error
        note('the model has no chat template: it continues the text, as with --raw')
        return await show(text)
      }
    }
    const result = await ask()
    if (flags.json) await put(process.stdout, `${JSON.stringify(result)}\n`)
    if (flags.stats) note(statsLine(result))
  })
}

async function print(llm: LLM, prompt: Prompt, options: GenerationOptions): Promise<GenerationResult> {
  const writer = new AnswerWriter(process.stdout)
  try {
    if (llm.info.modelYaml?.rewrites) {
      const result = await llm.generate(prompt, options)
      await writer.write(result.text)
      return result
    }
    const stream = llm.stream(prompt, options)
    for await (const part of stream) await writer.writePart(part)
    return await stream.result
  } finally {
    await writer.end()
  }
}
