import { Command } from 'commander'
import t from 'tap'
import { addFlags, flagsOf, generationOptions } from '#lib/cli/options.js'
import { generationTable } from '#lib/options/generation.js'

/** The options of a request that a command line gives. */
function parse(...args: string[]) {
  const command = addFlags(
    new Command().exitOverride().configureOutput({ writeErr: () => {} }),
    flagsOf(generationTable),
  )
  command.parse(args, { from: 'user' })
  return generationOptions(command.opts(), command)
}

t.test('flags with several values: repeated, with commas, as JSON', async (t) => {
  t.match(parse('--stop', 'a', '--stop', '["b"]'), { stop: ['a', '["b"]'] })
  t.match(parse('--stop-token-ids', '1, 2'), { stopTokenIds: [1, 2] })
  const tools = [{ type: 'function', function: { name: 'f' } }]
  t.match(
    parse('--tools', JSON.stringify(tools), '--documents', '[{"title":"x"}]', '--chat-template-kwargs', '{"b":false}'),
    { tools, documents: [{ title: 'x' }], chatTemplateKwargs: { b: false } },
  )
  for (const args of [
    ['--tools', '{}'],
    ['--tools', 'null'],
    ['--documents', '['],
    ['--chat-template-kwargs', '[]'],
  ])
    t.throws(() => parse(...args), { code: 'commander.invalidArgument' }, args.join(' '))
})
