import { join, resolve } from 'node:path'
import t from 'tap'
import { fakeTool } from '../scripts/script.js'
import { run } from './modules.js'

const modes = ['single', 'concurrency', 'prefix', 'lookup', 'event-loop', 'pace', 'start', 'long', 'kernel', 'server']

/** Plans a mode for this project and one peer, and takes one answer through it. */
function planned(mode: string, args: string[], answer: string): Promise<{ result: unknown; error?: string }> {
  return run(
    [`modes/${mode}`, 'arguments', 'context', 'compare'],
    `(async () => {
      const context = contextOf({
        options: parseArguments(${JSON.stringify(args)}), threads: 2, module: 'dist', model: 'gguf', ir: 'ir',
        peers: [{ label: 'peer', side: 'peer', runtime: 'module', model: 'theirs' }],
      })
      const mode = await plan(context)
      const answers = mode.setups.map(({ label }) => [label, [${answer}]])
      const values = new Map(answers.map(([label, all]) => [label, all.map((one) => mode.values(one, label))]))
      return { ...mode, ...compare(mode, values), keys: [...values.values()].flat().flatMap(Object.keys), notes: mode.notes?.(new Map(answers)) ?? [] }
    })()`,
  )
}

const answers: Record<string, object> = {
  single: { load: 9, requests: [1, 2].map((ttft) => ({ ttft, intervals: [1, 1] })), loop: { p50: 1, p99: 1, max: 1 } },
  concurrency: { rates: { 1: { total: 10, decode: 20 }, 4: { total: 30, decode: 60 } } },
  prefix: { cold: [100, 200], warm: [3, 6], cached: [992, 992] },
  lookup: { texts: [] },
  'event-loop': { loop: { p50: 1, p99: 2, max: 3 }, rates: { quiet: [100], busy: [99] }, microseconds: [80] },
  start: { module: 50, load: 800, requests: [{ ttft: 20, intervals: [10] }] },
  long: { requests: [5, 8, 256, 1000, 3000].map((ttft) => ({ ttft, intervals: [10, 30] })) },
  pace: { quiet: 10, loaded: 20, ttft: 900, complete: true },
  kernel: { load: 9, requests: [1, 2].map((ttft) => ({ ttft, intervals: [1, 1] })), loop: { p50: 1, p99: 1, max: 1 } },
  server: { firsts: [1, 2], aloneRates: [60], rates: [640], firstsTogether: [30], cpu: 0.5 },
}

interface Planned {
  title: string
  setups: { label: string; side: string; task: { kind: string } }[]
  figures: { name: string; values: Record<string, number> }[]
  quotients: { over: [string, string]; under: [string, string] }[]
  ratios: { row: string; column: string; ratio?: { median: number } }[]
  keys: string[]
  notes: string[]
}

for (const mode of modes) {
  t.test(`the plan of ${mode} measures what it compares`, async (t) => {
    const args = mode === 'single' ? [] : mode === 'concurrency' ? ['--concurrency', '1,4'] : [`--${mode}`]
    const { result, error } = await planned(mode, args, JSON.stringify(answers[mode]))
    t.equal(error, undefined)
    const { title, setups, quotients, keys, ratios } = result as Planned
    t.ok(title.length > 10)
    const labels = setups.map(({ label }) => label)
    t.equal(new Set(labels).size, labels.length, 'labels are unique')
    t.ok(quotients.length > 0)
    if (mode === 'lookup') return
    for (const [label, key] of quotients.flatMap(({ over, under }) => [over, under])) {
      t.ok(labels.includes(label), `side ${label}`)
      t.ok(keys.includes(key), `figure ${key}`)
    }
    t.equal(ratios.length, quotients.length)
    for (const { task } of setups) {
      t.equal((await run([`tasks/${task.kind}`], 'typeof run')).result, 'function', `task ${task.kind}`)
    }
  })
}

t.test('streams are compared with as many of the peer and with one of their own', async (t) => {
  const { result } = await planned('concurrency', ['--concurrency', '1,4'], JSON.stringify(answers['concurrency']))
  const { ratios } = result as Planned
  const own = ratios.filter(({ column }) => column === 'to its own 1 stream')
  t.same(
    own.map(({ ratio }) => ratio?.median),
    [3, 3],
  )
  t.same(ratios.filter(({ column }) => column === 'to as many of peer').length, 4)
})

t.test('long prompts: each length has its own request behind one that warms up, and its own figures', async (t) => {
  const { result } = await planned('long', ['--long'], JSON.stringify(answers['long']))
  const { figures, setups } = result as Planned
  t.same(
    figures.map(({ name, values }) => [name, values['peer']]),
    [16, 512, 2000, 6000].flatMap((length) => [
      [`decode behind ${length} tokens, tokens/s`, 50],
      [`prefill of ${length} tokens, tokens/s`, 2000],
    ]),
  )
  t.match(setups[0]?.task, { prompts: [16, 16, 512, 2000, 6000] })
  const { result: short } = await planned('long', ['--long', '--prompt', '600'], JSON.stringify(answers['long']))
  t.match((short as Planned).setups[0]?.task, { prompts: [16, 16, 512] })
})

t.test('a wrong output, or nothing guessed or cached, is said in the report', async (t) => {
  const text = (rest: object) =>
    JSON.stringify({
      texts: [{ name: 'a', plain: [2], lookup: [1], identical: true, draftTokens: 9, acceptedTokens: 3, ...rest }],
    })
  const notes = async (mode: string, answer: string) =>
    ((await planned(mode, [`--${mode}`], answer)).result as Planned).notes.join('\n')
  t.match(await notes('lookup', text({})), /^The output with prompt lookup was identical/)
  t.match(await notes('lookup', text({ identical: false })), /^WRONG: .+ not identical .+: a\.$/)
  t.match(await notes('lookup', text({ draftTokens: 0 })), /^WRONG: nothing was ever guessed\.$/m)
  t.equal(await notes('prefix', JSON.stringify(answers['prefix'])), '')
  t.match(await notes('prefix', JSON.stringify({ ...answers['prefix'], cached: [992, 0] })), /^WRONG/)
  t.match(await notes('pace', JSON.stringify({ ...answers['pace'], complete: false })), /peer: the stream ended before/)
})

t.test('what the server adds is told of each runner, by the pairs of its sides', async (t) => {
  const served = { firsts: [12, 11, 90], aloneRates: [90], rates: [1500], firstsTogether: [40], cpu: 0.15 }
  const inProcess = { firsts: [10, 11, 10], aloneRates: [100], rates: [1600], firstsTogether: [20], cpu: 0.05 }
  const peer = { firsts: [24], aloneRates: [45], rates: [50], firstsTogether: [4000], cpu: 10 }
  const answer = `label === 'peer' ? ${JSON.stringify(peer)} : label.endsWith('server') ? ${JSON.stringify(served)} : ${JSON.stringify(inProcess)}`
  const { ratios, figures, notes } = (await planned('server', ['--server'], answer)).result as Planned
  t.same(
    ratios.map(({ row, ratio }) => [row, ratio?.median]),
    [
      ['16 streams, tokens/s, runner that sleeps', 0.9375],
      ['16 streams, tokens/s, model', 0.9375],
      ['tokens/s of 1 stream, model', 2],
      ['tokens/s of 16 streams, model', 30],
      ['first token of one request, model', 0.5],
      ['first token of 16 streams, model', 0.01],
    ],
  )
  t.same(
    notes,
    ['runner that sleeps', 'model'].map(
      (runner) =>
        `The server adds, ${runner}: 2.00 [2.00–2.00] ms to the first token, 100 [100–100] µs of CPU time to a token.`,
    ),
  )
  const requests = figures.find(({ name }) => name.endsWith('requests/s'))?.values ?? {}
  t.same(Object.values(requests), [25, 23.4375, 25, 23.4375, 0.78125])
})

/** A product that answers at once; `lookup` says with which token when it guesses. */
const fake = (lookup: number) => `{
  async *generate(prompt, newTokens, { lookup, onTokens, onUsage, reuse } = {}) {
    for (let i = 0; i < newTokens; i++) {
      await new Promise(setImmediate)
      onTokens?.([lookup ? ${lookup} : 7])
      yield 1
    }
    onUsage?.({ cachedTokens: reuse ? 32 : 0, draftTokens: lookup ? 5 : 0, acceptedTokens: lookup ? 4 : 0 })
  },
}`

t.test('lookup finds an output that is not identical, but for sampled texts', async (t) => {
  const texts = (sample: boolean) => JSON.stringify([{ name: 'a', kind: 'k', prompt: 'p', sample }])
  const task = async (token: number, sample: boolean) => {
    const { result } = await run(
      ['tasks/lookup'],
      `run(${fake(token)}, { texts: ${texts(sample)}, newTokens: 4, repetitions: 2 })`,
    )
    return (result as { texts: { plain: number[]; lookup: number[]; identical: boolean; acceptedTokens: number }[] })
      .texts[0]
  }
  const right = await task(7, false)
  t.match(right, { identical: true, acceptedTokens: 4 })
  t.same([right?.plain.length, right?.lookup.length], [2, 2])
  t.match(await task(8, false), { identical: false })
  t.match(await task(8, true), { identical: true })
})

t.test('the tasks of many streams and of prefixes count every answer', async (t) => {
  const streams = await run(['tasks/concurrency'], `run(${fake(7)}, { streams: [1, 3], prompt: 4, newTokens: 5 })`)
  t.match(streams.result, { rates: { 1: { total: Number }, 3: { total: Number, decode: Number } } })
  const prefix = await run(['tasks/prefix'], `run(${fake(7)}, { shared: 40, fresh: 4, repetitions: 2 })`)
  t.match(prefix.result, { cold: [Number, Number], warm: [Number, Number], cached: [32, 32] })
})

t.test('a stream that ends before the long prompt is computed is told', async (t) => {
  const slow = `{ generate: async function* (prompt, newTokens, ask) {
    if (prompt.length > 300) for (let i = 0; i < 200; i++) await new Promise(setImmediate)
    yield* (${fake(7)}).generate(prompt, newTokens, ask)
  } }`
  const pace = (newTokens: number) =>
    run(['tasks/pace'], `run(${slow}, { prompt: 400, newTokens: ${newTokens}, quietTokens: 10 })`)
  t.match((await pace(1000)).result, { quiet: Number, loaded: Number, ttft: Number, complete: true })
  t.match((await pace(30)).result, { complete: false })
})

t.test('the task of the server counts the CPU time of the process that computes', async (t) => {
  const program = `(() => {
    const number = { asked: 0, answers: 0 }
    const opened = {
      cpuTime: async () => ++number.asked * 600,
      generate: (...rest) => (number.answers++, (${fake(7)}).generate(...rest)),
    }
    return run(opened, { streams: 3, prompt: 4, newTokens: 5, singles: 2, rounds: 4 }).then((found) => ({ ...found, ...number }))
  })()`
  const { result } = await run(['tasks/server'], program)
  // 600 ms for 3 streams of 5 tokens, four times; 3 answers warm up.
  t.match(result, { firsts: [Number, Number], rates: [Number, Number, Number, Number], cpu: 10, answers: 3 + 2 + 12 })
  const asked = await run(
    ['tasks/server'],
    `(() => {
      const asked = []
      const opened = { generate: (prompt, tokens) => (asked.push(tokens), (${fake(7)}).generate(prompt, tokens)) }
      return run(opened, { streams: 2, prompt: 4, newTokens: 5, singles: 1, alone: 2, rounds: 1 })
        .then((found) => ({ ...found, asked }))
    })()`,
  )
  t.match(asked.result, { firsts: [Number], aloneRates: [Number, Number], rates: [Number], firstsTogether: [Number] })
  t.same((asked.result as { asked: number[] }).asked, [5, 5, 2, 5, 5, 5, 5])
})

const skipWithoutShell = process.platform === 'win32' ? 'the fake peer is a sh script' : false

t.test("the side of llama.cpp's server counts what it is told, and ends it", { skip: skipWithoutShell }, async (t) => {
  const folder = t.testdir({
    'server.mjs': `import { createServer } from 'node:http'
      const setup = JSON.parse(process.argv.at(-1))
      const event = (data) => 'data: ' + JSON.stringify(data) + '\\r\\n\\r\\n'
      const server = createServer(async (request, response) => {
        let body = ''
        for await (const part of request) body += part
        const { max_tokens: count, prompt } = JSON.parse(body)
        const usage = { completion_tokens: count, prompt_tokens_details: { cached_tokens: prompt[0] } }
        // One chunk has two tokens.
        const texts = Array.from({ length: count - 1 }, () => event({ choices: [{ text: 'x', finish_reason: null }] }))
        const end = event({ choices: [{ text: '', finish_reason: 'length' }], usage }) + 'data: [DONE]\\r\\n\\r\\n'
        const bytes = Buffer.from(texts.join('') + end)
        for (let i = 0; i < bytes.length; i += 7) response.write(bytes.subarray(i, i + 7))
        response.end()
      })
      server.listen(0, '127.0.0.1', () => {
        const url = 'http://127.0.0.1:' + server.address().port
        console.log(JSON.stringify({ url, version: '1.2.3', settings: { setup: JSON.stringify(setup) } }))
      })`,
  })
  fakeTool(folder, 'python', `exec "${process.execPath}" ${join(folder, 'server.mjs')} "$@"`)
  const setup = { runtime: join(folder, 'python'), model: 'a.gguf', threads: 2, context: 112, sequences: 16 }
  const program = `open(false, ${JSON.stringify(setup)}).then(async (side) => {
    const count = async (prompt) => {
      let sum = 0
      for await (const tokens of side.generate(prompt, 6)) sum += tokens
      return sum
    }
    const found = { count: await count([0, 5]), refused: await count([3]).catch((error) => error.message) }
    const cpu = await side.cpuTime()
    await side.close()
    return { ...found, cpu, version: side.version, settings: side.settings }
  })`
  t.match(await run(['sides/xllamacpp'], program), {
    result: {
      count: 6,
      ...(process.platform === 'linux' && { cpu: Number }),
      refused: '3 prompt tokens came from the cache: this is no prefill',
      version: '1.2.3',
      settings: { setup: JSON.stringify({ model: 'a.gguf', threads: 2, context: 112, sequences: 16 }) },
    },
  })

  fakeTool(folder, 'python', `echo '{"error": "RuntimeError: no model"}'`)
  const { error } = await run(['sides/xllamacpp'], `open(false, ${JSON.stringify(setup)})`)
  t.match(error, /server of xllamacpp did not begin: RuntimeError: no model/)
})

for (const side of ['scripted', 'server']) {
  t.test(`the side ${side} answers on the scripted runner`, async (t) => {
    const setup = { runtime: resolve('dist/index.js'), model: 'test/fixtures/ir/tiny-llama', sequences: 2, threads: 1 }
    const script = { vocabulary: 300, stepMicroseconds: 0 }
    const program = `import(${JSON.stringify(setup.runtime)})
      .then((product) => open(product, ${JSON.stringify({ ...setup, script })}))
      .then(async (side) => {
        const counts = []
        for (const sample of [false, true]) {
          let count = 0
          for await (const tokens of side.generate([1, 2, 3], 6, { sample })) count += tokens
          counts.push(count)
        }
        const cpuTime = await side.cpuTime?.()
        await side.close()
        return { counts, runner: side.settings.runner, cpuTime }
      })`
    const cpuTime = side === 'server' ? { cpuTime: Number } : {}
    t.match(await run([`sides/${side}`], program), { result: { counts: [6, 6], runner: 'scripted', ...cpuTime } })
  })
}

t.test('a server that cannot load its model says why', async (t) => {
  const setup = { runtime: resolve('dist/index.js'), model: '/nowhere', sequences: 1, threads: 1 }
  const { error } = await run(['sides/server'], `open({}, ${JSON.stringify(setup)})`)
  t.match(error, /\/nowhere/)
})
