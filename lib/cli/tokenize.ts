import { Command } from 'commander'
import { warnIgnored } from '../generation/tokenize.js'
import { openReference } from '../loading/definition.js'
import { type ChatOptions, encodeTable } from '../options/encode.js'
import { TextWorker } from '../text/worker/text-worker.js'
import { textOf } from './input.js'
import type { Interrupts } from './interrupts.js'
import { addCommonFlags, addFlags, asksForChat, type Flags, flagsOf, optionsFrom, references } from './options.js'
import { withProgress } from './progress.js'
import { warn } from './report.js'
import { put } from './terminal.js'

/** `tokenize`: what a prompt is to the model. Only the tokenizer is loaded. */
export function tokenizeCommand(interrupts: Interrupts): Command {
  const command = new Command('tokenize')
    .summary('prints the tokens of a text')
    .description('Prints the token ids of TEXT, or of standard input, as requests have them.')
    .argument('<model>')
    .argument('[text]')
    .option('--chat', 'TEXT is a user message: applies the chat template')
    .option('--system <text>', 'system message; with --chat')
    .option('--json', 'one JSON object: tokens, rendered text, what was done')
  addFlags(command, flagsOf({ ...encodeTable, ...references }, true))
  addCommonFlags(command).addHelpText('after', '\nExample: openvino-llm tokenize ./model "Hello world"')
  return command.action(async (model: string, argument: string | undefined, flags: Flags) => {
    const { signal } = interrupts
    if (asksForChat(flags) && !flags.chat) command.error('error: --system and the flags of chat templates need --chat')
    const content = await textOf(argument, command, signal)
    const { definition } = await withProgress((onProgress) =>
      openReference(model, { ...optionsFrom(flags, references), signal, onProgress }, warn),
    )
    const worker = await TextWorker.open(definition.text, { signal })
    try {
      const options: ChatOptions = optionsFrom(flags, encodeTable)
      const system = typeof flags.system === 'string' ? [{ role: 'system', content: flags.system }] : []
      const prompt = flags.chat
        ? await worker.encodeChat([...system, { role: 'user', content }], { ...options, signal })
        : await worker.encodeText(content, { ...options, signal })
      warnIgnored({ warn }, prompt)
      const tokens = [...prompt.tokens]
      const { text, bos, ignoredRoles } = prompt
      await put(
        process.stdout,
        `${flags.json ? JSON.stringify({ tokens, text, bos, ignoredRoles }) : tokens.join(' ')}\n`,
      )
    } finally {
      await worker.close()
    }
  })
}
