import t from 'tap'
import { RequestQueue } from '#lib/generation/queue.js'

t.test('as many as are computed and may wait, then it is full, until one leaves', async (t) => {
  const queue = new RequestQueue(2, 1)
  for (let i = 0; i < 3; i++) queue.enter()
  t.throws(() => queue.enter(), { code: 'ERR_QUEUE_FULL', message: /3 requests .* 2 are computed .* 1 wait/ })
  t.equal(queue.active, 3)
  queue.leave()
  queue.enter()
  t.throws(() => queue.enter(), { code: 'ERR_QUEUE_FULL' })
})

t.test('without a bound nobody is refused', async (t) => {
  const queue = new RequestQueue(1, Number.POSITIVE_INFINITY)
  for (let i = 0; i < 10_000; i++) queue.enter()
  t.equal(queue.active, 10_000)
})
