import fc from 'fast-check'
import t from 'tap'
import { PairRanks } from '#lib/text/tokenizer/pair-ranks.js'
import { maxTokenIds } from '#lib/text/tokenizer/token-id.js'

/** Near each other, at both ends, and alike in their lower bits. */
const id = fc.oneof(
  fc.nat(20),
  fc.nat(maxTokenIds - 1),
  fc.nat(15).map((high) => high << 16),
  fc.constant(maxTokenIds - 1),
)

t.test('as a Map of pairs, whatever is set', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(id, id), { maxLength: 200 }), fc.array(fc.tuple(id, id)), (pairs, others) => {
      const ranks = new PairRanks(pairs.length)
      const map = new Map<string, number>()
      for (const [rank, [left, right]] of pairs.entries()) {
        ranks.set(left, right, rank)
        map.set(`${left} ${right}`, rank)
      }
      for (const [left, right] of [...pairs, ...others]) {
        if (ranks.get(left, right) !== (map.get(`${left} ${right}`) ?? -1)) return false
        if (ranks.get(right, left) !== (map.get(`${right} ${left}`) ?? -1)) return false
      }
      return true
    }),
  )
  t.equal(new PairRanks(0).get(0, 0), -1)
})
