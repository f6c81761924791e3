import t from 'tap'
import { node } from '../scripts/script.js'
import { run } from './modules.js'

const defaults = {
  mode: 'single',
  concurrency: [],
  model: 'smollm2',
  pairs: 7,
  peer: true,
  format: 'text',
  help: false,
}
const accepted: [string[], object][] = [
  [[], defaults],
  [['--quick'], { ...defaults, pairs: 2 }],
  [['--pairs', '9', '--json'], { ...defaults, pairs: 9, format: 'json' }],
  [
    ['--prompt=64', '--new', '2', '--threads', '3', '--no-peer'],
    { ...defaults, prompt: 64, newTokens: 2, threads: 3, peer: false },
  ],
  [['--concurrency', '8,1,2,8'], { ...defaults, mode: 'concurrency', concurrency: [1, 2, 8] }],
  [['--event-loop', '--engine', 'paged'], { ...defaults, mode: 'event-loop', engine: 'paged' }],
  [['--start', '--threads', '2', '--no-peer'], { ...defaults, mode: 'start', threads: 2, peer: false }],
  [
    ['--pace', '--model', 'phi-3-mini', '--markdown'],
    { ...defaults, mode: 'pace', model: 'phi-3-mini', format: 'markdown' },
  ],
  [['--server', '--pairs', '3'], { ...defaults, mode: 'server', pairs: 3 }],
  [['--reading', '--model', 'llama-3.2-1b'], { ...defaults, mode: 'reading', model: 'llama-3.2-1b' }],
  [['--model', './a folder'], { ...defaults, model: './a folder' }],
  [['-h'], { ...defaults, help: true }],
]
for (const [args, expected] of accepted) {
  t.test(`arguments: ${args.join(' ') || 'none'}`, async (t) => {
    t.strictSame((await run(['arguments'], `parseArguments(${JSON.stringify(args)})`)).result, expected)
  })
}

const refused: [string[], RegExp][] = [
  [['--prompt', '0'], /^--prompt: expected an integer from 1 to 1000000, found '0'\.$/],
  [['--new', '1'], /^--new: expected an integer from 2 .+ found '1'\.$/],
  [['--pairs', '1e3'], /^--pairs: .+ found '1e3'\.$/],
  [['--threads', '99999999'], /^--threads: .+ found '99999999'\.$/],
  [['--quick', '--pairs', '3'], /^--quick is 2 pairs/],
  [['--tokens', '3'], /'--tokens'[\s\S]+npm run bench/],
  [['3'], /'3'[\s\S]+npm run bench/],
  [['--concurrency', '1,,2'], /^--concurrency: expected integers from 1 to 256 .+ found '1,,2'\.$/],
  [['--concurrency', '0'], /^--concurrency: .+ found '0'\.$/],
  [['--concurrency', '257'], /^--concurrency: .+ found '257'\.$/],
  [['--prefix', '--lookup'], /^--prefix and --lookup are two modes/],
  [['--server', '--pace'], /^--pace and --server are two modes/],
  [['--json', '--markdown'], /^--markdown and --json are two formats/],
  [['--model', 'gpt'], /^--model: expected smollm2, .+, found 'gpt'\.$/],
  [['--engine', 'fast'], /^--engine: expected auto, paged or stateful, found 'fast'\.$/],
]
for (const [args, message] of refused) {
  t.test(`refused arguments: ${args.join(' ')}`, async (t) => {
    t.match((await run(['arguments'], `parseArguments(${JSON.stringify(args)})`)).error, message)
  })
}

t.test('a refused argument ends the bench with its line alone', async (t) => {
  const { code, stdout, stderr } = await node(['bench/bench.mjs', '--new', 'x'], {})
  t.same({ code, stdout }, { code: 1, stdout: '' })
  t.equal(stderr, "--new: expected an integer from 2 to 1000000, found 'x'.\n")
})

t.test('CPU flags are whole words; a system without the line has none to tell', async (t) => {
  const cpuinfo = 'processor\t: 0\nflags\t\t: fpu avx avx2 avx512_vnni_extra avx_vnni\nbugs\t\t: amx_int8\n'
  t.strictSame((await run(['machine'], `cpuFlags(${JSON.stringify(cpuinfo)})`)).result, {
    avx2: true,
    avx_vnni: true,
    avx512_vnni: false,
    avx512_bf16: false,
    amx_int8: false,
  })
  t.equal((await run(['machine'], "cpuFlags('Features : asimd') ?? 'none'")).result, 'none')
})

t.test('resident memory is split, or unknown', async (t) => {
  const status = 'Name:\tnode\nVmRSS:\t 30 kB\nRssAnon:\t      20 kB\nRssFile:\t      10 kB\n'
  const { result } = await run(['machine'], `residentMemory(${JSON.stringify(status)})`)
  t.strictSame(result, { anonymous: 20480, file: 10240 })
  t.equal((await run(['machine'], "residentMemory('') ?? 'unknown'")).result, 'unknown')
})

t.test('the share of other programs leaves out our own time and stays a share', async (t) => {
  const share = (own: number) => `foreignShare({ busy: 100, total: 1000 }, { busy: 700, total: 2000 }, ${own})`
  t.equal((await run(['machine'], share(400))).result, 0.2)
  t.equal((await run(['machine'], share(900))).result, 0)
  t.equal((await run(['machine'], 'foreignShare({ busy: 1, total: 1 }, { busy: 1, total: 1 }, 0)')).result, 0)
})

t.test('no two prompts begin alike, so that none can be taken from a cache', async (t) => {
  const { result } = await run(
    ['request'],
    '(() => { const all = Array.from({ length: 2000 }, (_, number) => promptIds(3, number)); return [new Set(all.map(([first]) => first)).size, Math.min(...all.flat()), Math.max(...all.flat()), new Set(promptIds(1032, 5)).size] })()',
  )
  const [different, least, greatest, within] = result as [number, number, number, number]
  t.equal(different, 2000)
  t.ok(least >= 300 && greatest < 20_300, `${least} to ${greatest}`)
  t.equal(within, 1032, 'no token comes twice in a prompt')
})

t.test('a text is its kind and a prompt that ends where the answer goes on', async (t) => {
  const parse = (content: string) => run(['texts'], `parseText('name', ${JSON.stringify(content)})`)
  t.strictSame((await parse('kind: quoting\nHe wrote:\n\n"For')).result, {
    name: 'name',
    kind: 'quoting',
    prompt: 'He wrote:\n\n"For',
    sample: false,
  })
  t.match((await parse('kind: free text (sampled)\r\nOnce\r\n')).result, { prompt: 'Once', sample: true })
  t.match((await parse('Once')).error, /^name: expected a first line/)
})

t.test('the texts are of every kind', async (t) => {
  const { result } = await run(['texts'], 'readTexts()')
  const kinds = new Set((result as { kind: string }[]).map(({ kind }) => kind))
  for (const kind of ['code editing', 'summarising', 'quoting', 'free text (sampled)']) t.ok(kinds.has(kind), kind)
})

t.test('what was made by half is not taken for the whole', async (t) => {
  const folder = t.testdir({})
  const target = JSON.stringify(`${folder}/made`)
  const failing = `makeOnce(${target}, 'end', async () => { throw new Error('stopped') })`
  t.equal((await run(['once'], failing)).error, 'stopped')
  const incomplete = `makeOnce(${target}, 'end', async () => {})`
  t.match((await run(['once'], incomplete)).error, /end was not made$/)
  const mkdir = "process.getBuiltinModule('fs').mkdirSync"
  const make = (name: string) =>
    `makeOnce(${target}, 'end', async (work) => { ${mkdir}(work + '/${name}', { recursive: true }) })`
  t.equal((await run(['once'], make('end/first'))).error, undefined)
  // It is there: nothing is made again.
  t.equal((await run(['once'], make('end/second'))).error, undefined)
  const list = `process.getBuiltinModule('fs').readdirSync(${target} + '/end').join()`
  t.equal((await run(['once'], list)).result, 'first')
})
