import t from 'tap'
import { LLM, type LoadOptions, type ModelWarning } from '#lib/index.js'
import { emulatedNpu, loadNpu } from './emulated-npu.js'
import { exact, goldenTiny, loadTiny, tiny } from './fixtures.js'

// What needs other devices is emulated: the NPU's plugin computes on the CPU when its wrapper is told so.

const golden = goldenTiny()
const greedy = { temperature: 0, ignoreEos: true } as const
const prompt = { tokens: [10, 20, 30] }
t.test('NPU, emulated: equal to transformers, token by token, one request after another', async (t) => {
  for (const [folder, name] of [
    ['tiny-llama-fp32', 'tiny-llama'],
    ['tiny-phi3-sw16-fp32', 'tiny-phi3-sw16'],
  ] as const) {
    await using llm = await loadNpu(folder, { maxPromptLength: 64, minResponseLength: 64 })
    t.match(llm.info, { runner: 'stateful', maxSequences: 1, maxPromptLength: 64, contextLength: 128 })
    t.match(llm.info, { canDraft: false, canFork: false })
    t.throws(() => llm.stream(prompt, { numBeams: 2 }), {
      code: 'ERR_UNSUPPORTED_MODEL',
      message: /the stateful engine of this model computes no beams/,
    })
    const cases = (golden[name]?.cases ?? []).filter((each) => each.prompt.length <= 64)
    t.ok(cases.length >= 5)
    // Each twice: what one conversation leaves must not reach the next.
    const twice = [...cases, ...cases]
    const answers = await Promise.all(
      twice.map((each) => llm.generate({ tokens: each.prompt }, { ...greedy, maxNewTokens: each.greedy.length })),
    )
    twice.forEach((each, i) => {
      t.same(answers[i]?.tokens, each.greedy, `${folder}: prompt of ${each.prompt.length}`)
    })
  }
})

t.test('NPU, emulated: an int8 model gives the ids of the CPU', async (t) => {
  const folder = 'tiny-phi3-longrope-int8'
  await using npu = await loadNpu(folder, { maxPromptLength: 16, minResponseLength: 16 })
  await using cpu = await loadTiny(folder, { ovConfig: exact, engine: 'stateful' })
  const options = { ...greedy, maxNewTokens: 12 }
  t.same((await npu.generate(prompt, options)).tokens, (await cpu.generate(prompt, options)).tokens)
})

t.test('NPU, emulated: a chat over several turns', async (t) => {
  await using npu = await loadNpu('tiny-llama-fp32', { maxPromptLength: 192, minResponseLength: 64 })
  await using cpu = await loadTiny()
  const messages = [{ role: 'user', content: 'Hello' }]
  for (const next of ['And then?', 'Why?', 'Good']) {
    const options = { temperature: 0, maxNewTokens: 8 } as const
    const [ours, theirs] = [await npu.generate(messages, options), await cpu.generate(messages, options)]
    t.same(ours.tokens, theirs.tokens, `after ${messages.length} messages`)
    messages.push({ role: 'assistant', content: ours.text }, { role: 'user', content: next })
  }
})

t.test("NPU, emulated: limits are the compiled model's, and what goes beyond is said", async (t) => {
  await using llm = await loadNpu('tiny-llama-fp32', {
    ovConfig: { ...emulatedNpu, NPUW_LLM_MAX_PROMPT_LEN: 40 },
    maxPromptLength: 64,
    minResponseLength: 24,
  })
  t.match(llm.info, { maxPromptLength: 40, contextLength: 64, contextReason: /prompts of 40 tokens and 64 in all/ })
  await t.rejects(llm.generate({ tokens: Array(41).fill(5) }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /prompt has 41 tokens.*at most 40.*maxPromptLength/,
  })
  const full = await llm.generate({ tokens: Array(40).fill(5) }, greedy)
  t.match(full, { finishReason: 'length', usage: { completionTokens: 24 } })
  const short = await llm.generate(prompt, greedy)
  t.match(short, { finishReason: 'length', usage: { totalTokens: 64 } })
  t.same((await llm.generate({ tokens: Array(40).fill(5) }, greedy)).tokens, full.tokens, 'and again the same')
  const long = [...Array(12)].map((_, i) => ({ role: 'user', content: `Hello ${i}` }))
  await t.rejects(llm.generate(long, { ...greedy, maxNewTokens: 1 }), { code: 'ERR_CONTEXT_LENGTH' })
  const dropped = await llm.generate(long, { ...greedy, maxNewTokens: 1, contextOverflow: 'drop-oldest' })
  t.ok(dropped.usage.promptTokens <= 40)
})

t.test('NPU: what it cannot run, with what to do', async (t) => {
  await t.rejects(loadNpu('tiny-llama-fp32', { maxPromptLength: 200, minResponseLength: 100 }), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /context of 256 tokens, found 200 and 100/,
  })
  await t.rejects(loadNpu('tiny-llama', { maxPromptLength: 64, minResponseLength: 64 }), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /asymmetric int4 in groups of 32; .*optimum-cli export openvino .*--sym --group-size -1/,
  })
  await t.rejects(loadNpu('tiny-llama-fp32', { engine: 'paged' }), { code: 'ERR_DEVICE', message: /page on NPU/ })
  await t.rejects(loadNpu('tiny-llama-fp32', { ovConfig: { ...emulatedNpu, NPUW_FOO: 1 } }), {
    code: 'ERR_PROPERTY',
    message: /NPUW_FOO/,
  })
  await t.rejects(loadNpu('tiny-llama-fp32', { ovConfig: { ...emulatedNpu, FOO: 1 } }), {
    code: 'ERR_PROPERTY',
    message: /NPU has no property FOO; it has .*CACHE_DIR/,
  })
  await t.rejects(LLM.load(tiny('tiny-llama-fp32'), { maxPromptLength: 64 }), {
    name: 'TypeError',
    message: /maxPromptLength.*NPU, received CPU/,
  })
})

t.test('AUTO and HETERO on CPU give the ids of the CPU', async (t) => {
  const cases = golden['tiny-llama']?.cases ?? []
  const { prompt: tokens, greedy: expected } = cases[cases.length - 1] as (typeof cases)[number]
  for (const [device, ovConfig] of [
    ['AUTO', exact],
    ['AUTO:CPU', { ...exact, DEVICE_PROPERTIES: '{CPU:{INFERENCE_NUM_THREADS:1}}' }],
    ['HETERO:CPU', exact],
  ] as const) {
    await using llm = await loadTiny('tiny-llama-fp32', { device, ovConfig })
    const found = await llm.generate({ tokens }, { ...greedy, maxNewTokens: expected.length })
    t.same(found.tokens, expected, device)
    t.match(llm.info.devices.join(), /CPU/, device)
    if (device !== 'AUTO') t.match(llm.info, { device, deviceReason: '', runner: 'stateful' })
  }
})

t.test('AUTO says what it took and why', async (t) => {
  await using llm = await loadTiny('tiny-llama-fp32', { device: 'AUTO' })
  t.match(llm.info, { device: /^(CPU|GPU)/, deviceReason: /^option device AUTO: / })
})

t.test('unknown properties and devices are named, for virtual devices too', async (t) => {
  const load = (device: string, ovConfig: LoadOptions['ovConfig']) => loadTiny('tiny-llama-fp32', { device, ovConfig })
  for (const device of ['CPU', 'AUTO:CPU', 'HETERO:CPU']) {
    await t.rejects(load(device, { FOO: 1 }), {
      code: 'ERR_PROPERTY',
      message: /has no property FOO; it has .*NUM_STREAMS/,
    })
  }
  await t.rejects(load('AUTO:CPU', { DEVICE_PROPERTIES: '{CPU:{FOO:1}}' }), {
    code: 'ERR_PROPERTY',
    message: /CPU has no property FOO/,
  })
  await t.rejects(load('AUTO:CPU', { DEVICE_PROPERTIES: '{XPU:{NUM_STREAMS:1}}' }), {
    code: 'ERR_PROPERTY',
    message: /XPU/,
  })
  await t.rejects(load('CPU', { INFERENCE_PRECISION_HINT: 'f7' }), {
    code: 'ERR_PROPERTY',
    message: /INFERENCE_PRECISION_HINT/,
  })
  await t.rejects(load('GPU.7', {}), { code: 'ERR_DEVICE', message: /GPU\.7 is not present; OpenVINO sees .*CPU/ })
})

t.test('precision: what the device took is shown, and a warning says when it is another one', async (t) => {
  for (const precision of ['f32', 'bf16', 'f16', 'auto'] as const) {
    const warnings: ModelWarning[] = []
    await using llm = await loadTiny('tiny-llama-fp32', {
      ovConfig: {},
      precision,
      onWarning: (each) => warnings.push(each),
    })
    const { inference } = llm.info.precision
    const other = precision !== 'auto' && inference !== precision
    t.equal(warnings.filter(({ code }) => code === 'precision').length, other ? 1 : 0, `${precision} → ${inference}`)
    if (precision === 'f32') t.equal(inference, 'f32')
  }
  await t.rejects(loadTiny('tiny-llama-fp32', { precision: 'bf16' }), {
    name: 'TypeError',
    message: /precision and ovConfig\.INFERENCE_PRECISION_HINT to agree/,
  })
})

t.test('precision of the KV cache: what its tensors are made of', async (t) => {
  const f32 = { INFERENCE_PRECISION_HINT: 'f32' }
  for (const kvCachePrecision of ['u8', 'u4', 'f16', 'f32'] as const) {
    await using llm = await loadTiny('tiny-llama-fp32', { ovConfig: f32, kvCachePrecision })
    t.equal(llm.info.precision.kvCache, kvCachePrecision)
    t.equal(llm.info.kvCache.precision, kvCachePrecision)
    t.equal((await llm.generate(prompt, { ...greedy, maxNewTokens: 4 })).tokens.length, 4)
  }
  await using llm = await loadTiny('tiny-llama-fp32', { ovConfig: f32 })
  t.equal(llm.info.exporter['runtime_options/KV_CACHE_PRECISION'], 'f16')
  t.equal(llm.info.precision.kvCache, 'f16', "the model's own runtime options count where the caller asks for nothing")
  t.equal(llm.info.exporter['runtime_options/ACTIVATIONS_SCALE_FACTOR'], '8.0')
})

t.test('threads', async (t) => {
  await using one = await loadTiny('tiny-llama-fp32', { threads: 1 })
  t.equal(one.info.properties['INFERENCE_NUM_THREADS'], '1')
  await t.rejects(loadTiny('tiny-llama-fp32', { threads: 2, ovConfig: { INFERENCE_NUM_THREADS: 1 } }), {
    message: /threads and ovConfig\.INFERENCE_NUM_THREADS to agree/,
  })
  await t.rejects(loadTiny('tiny-llama-fp32', { threads: 2, reserveCore: true }), { message: /threads or reserveCore/ })
})
