import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { readFolder } from '#lib/model/folder.js'
import { TextWorker } from '#lib/text/worker/text-worker.js'

const real = join('..', 'shared', 'fixtures', 'phi-3-medium')
const path = resolve('bench', 'reference.mjs')

t.test(
  'the reference case has the real tokenizer, context and stop words',
  { skip: !existsSync(real) && `${real} is not there` },
  async (t) => {
    const { assembleReference } = (await import(path)) as {
      assembleReference(ir: string, target: string): Promise<string>
    }
    const folder = await assembleReference(resolve('test/fixtures/ir/tiny-phi3'), join(t.testdir({}), 'reference'))
    const definition = await readFolder(folder)
    t.equal(definition.contextLength, 4096)
    t.same(definition.stopTokenIds, [32000, 32001, 32007])
    const text = await TextWorker.open(definition.text, {})
    const messages = [{ role: 'user', content: 'How to explain Internet for a medieval knight?' }]
    const { tokens } = await text.encodeChat(messages, { bos: 'file' })
    t.same([...tokens], [32010, 1128, 304, 5649, 4685, 363, 263, 27690, 889, 523, 29973, 32007, 32001])
    t.same(
      ['<|end|>', '<|endoftext|>'].map((word) => text.addedTokenId(word)),
      [32007, 32000],
    )
    await text.close()
  },
)
