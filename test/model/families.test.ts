import t from 'tap'
import { chatsNeedBos, swallowsSpaces } from '#lib/model/families.js'
import { readFolder } from '#lib/model/folder.js'
import { tiny } from '../llm/fixtures.js'

t.test('Phi-3 chats begin with BOS, others as their files say', async (t) => {
  t.equal(chatsNeedBos('phi3'), true)
  t.equal(chatsNeedBos('llama'), false)
  t.equal((await readFolder(tiny('tiny-phi3'))).text.chatsNeedBos, true)
  t.equal((await readFolder(tiny('tiny-llama'))).text.chatsNeedBos, false)
})

t.test('added tokens swallow spaces in Phi-3 files that add no BOS', async (t) => {
  const phi3 = { architecture: 'phi3', vocabulary: 'llama', addsBos: false }
  t.equal(swallowsSpaces(phi3), true)
  t.equal(swallowsSpaces({ ...phi3, addsBos: true }), false)
  t.equal(swallowsSpaces({ ...phi3, vocabulary: 'gpt2' }), false)
  t.equal(swallowsSpaces({ ...phi3, architecture: 'llama' }), false)
})
