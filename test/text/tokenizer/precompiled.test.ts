import t from 'tap'
import { Precompiled } from '#lib/text/tokenizer/precompiled.js'
import { modelVectors } from '../sources.js'

const { tokenizer } = modelVectors().tokenizers.find(({ name }) => name === 't5')!
const { precompiled_charsmap: charsmap } = tokenizer['normalizer'] as { precompiled_charsmap: string }

t.test('long texts are cut between clusters only', async (t) => {
  const map = new Precompiled(charsmap, 'x')
  // Each is one cluster, but changes otherwise when it is cut: it composes, or its parts are replaced one by one.
  for (const cluster of ['e\u0301', 'が\u0301'.normalize('NFD'), '\ufb01\u0301', '🦙🏽', '👩\u200d👧', 'ｶﾞ']) {
    const alone = map.normalize(cluster)
    for (let before = 0; before < 140; before++) {
      const found = map.normalize(`${'日'.repeat(before)}${cluster}本`)
      if (found !== `${'日'.repeat(before)}${alone}本`) t.fail(`${JSON.stringify(cluster)} behind ${before}: ${found}`)
    }
  }
  t.equal(map.normalize('e\u0301'), 'é')
  t.equal(map.normalize(`日e${'\u0301'.repeat(500)}`), `日e${'\u0301'.repeat(500)}`, 'a cluster longer than a window')
})

t.test('a damaged trie', async (t) => {
  const bytes = (units: number[], texts: string): string => {
    const head = Buffer.alloc(4 + units.length * 4)
    head.writeUInt32LE(units.length * 4)
    for (const [i, unit] of units.entries()) head.writeUInt32LE(unit, 4 + i * 4)
    return Buffer.concat([head, Buffer.from(texts)]).toString('base64')
  }
  const far = new Precompiled(bytes([0x1fffff * 1024], 'x'), 'file: normalizer')
  t.throws(() => far.normalize('a'), {
    code: 'ERR_TOKENIZER_INVALID',
    message: /file: normalizer.precompiled_charsmap: expected a trie that stays inside its 1 units/,
  })
  t.throws(() => new Precompiled(Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 0xff]).toString('base64'), 'file'), {
    code: 'ERR_TOKENIZER_INVALID',
    message: /UTF-8/,
  })
})
