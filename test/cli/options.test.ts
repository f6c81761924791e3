import { Command } from 'commander'
import t from 'tap'
import { withSetting } from '#lib/cli/chat-settings.js'
import { addFlags, flagsOf, generationOptions, withoutJson } from '#lib/cli/options.js'
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

/** Those that were given: a flag `--no-…` gives its option a value in any case. */
function given(...args: string[]) {
  const { skipSpecialTokens: _, ...options } = parse(...args)
  return options
}

t.test('flags with several values: repeated, with commas, as JSON', async (t) => {
  t.match(parse('--stop', 'a', '--stop', '["b"]'), { stop: ['a', '["b"]'] })
  t.match(parse('--stop-token-ids', '1, 2'), { stopTokenIds: [1, 2] })
  t.same(given('--logit-bias', '{"12":-5}', '--no-repeat-ngram-size', '3'), {
    logitBias: { 12: -5 },
    noRepeatNgramSize: 3,
  })
  t.same(given('--logit-bias', '[[" word",1.5],[[1,2],-2]]'), {
    logitBias: [
      [' word', 1.5],
      [[1, 2], -2],
    ],
  })
  t.same(given('--logprobs', '3', '--prompt-logprobs', '0', '--logprobs-of', 'processed'), {
    logprobs: 3,
    promptLogprobs: 0,
    logprobsOf: 'processed',
  })
  t.same(given('--num-return-sequences', '2', '--request-id', 'a b'), { numReturnSequences: 2, requestId: 'a b' })
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
    ['--logit-bias', '{"x":1}'],
    ['--logprobs', '21'],
    ['--no-repeat-ngram-size', '-1'],
  ])
    t.throws(() => parse(...args), { code: 'commander.invalidArgument' }, args.join(' '))
})

t.test('what only JSON shows is no flag and no setting of a chat', async (t) => {
  const flags = flagsOf(withoutJson(generationTable)).map((flag) => flag.long)
  t.ok(flags.includes('--no-repeat-ngram-size'))
  t.notOk(flags.includes('--logprobs'))
  t.same(withSetting({}, 'no-repeat-ngram-size 3'), { noRepeatNgramSize: 3 })
  t.throws(() => withSetting({}, 'logprobs 3'), { message: /unknown option logprobs/ })
})
