import { join } from 'node:path'
import t from 'tap'
import { estimate } from '#lib/loading/estimate.js'
import { ggufNeeds } from '#lib/loading/gguf-needs.js'
import { convertGguf } from '#lib/model/gguf/convert.js'
import { readGgufHeader } from '#lib/model/gguf/metadata.js'
import { randomGemma3, randomLlama, randomLlamaParts } from '../model/random-gguf.js'

t.test('the header of a GGUF tells what the converted model will need', async (t) => {
  for (const [name, content] of Object.entries({ llama: randomLlama(), gemma3: randomGemma3() })) {
    const folder = t.testdir({ 'a.gguf': content })
    const needs = ggufNeeds(await readGgufHeader(join(folder, 'a.gguf')), content.length)
    await convertGguf(join(folder, 'a.gguf'), join(folder, 'model'), { check: false })
    const exact = await estimate(join(folder, 'model'), { device: 'CPU' })
    t.equal(needs.kvCache, exact.kvCache, name)
    for (const part of ['runtime', 'total'] as const) {
      const ratio = needs[part] / exact[part]
      t.ok(ratio > 0.7 && ratio < 1.4, `${part} of ${name}: ${ratio}`)
    }
  }
})

t.test('the first part of a split GGUF will do', async (t) => {
  const [first = Buffer.alloc(0)] = randomLlamaParts(0)
  const folder = t.testdir({ 'first.gguf': first, 'whole.gguf': randomLlama() })
  const needsOf = async (name: string) => ggufNeeds(await readGgufHeader(join(folder, name), { part: true }), 1_000_000)
  // The table of embeddings may have more rows than there are tokens, and says so in another part.
  const [{ kvCache }, whole] = [await needsOf('first.gguf'), await needsOf('whole.gguf')]
  t.equal(kvCache, whole.kvCache)
})
