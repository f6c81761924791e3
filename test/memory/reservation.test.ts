import t from 'tap'
import { MemoryReservations } from '#lib/memory/reservation.js'

/** A process that has 100 bytes; `take` makes it take some of them. */
function rig() {
  let taken = 1000
  const memory = new MemoryReservations({ available: () => 1100 - taken, taken: () => taken })
  const take = (bytes: number) => {
    taken += bytes
  }
  return { memory, take }
}

t.test('what is reserved is not free until it is released', async (t) => {
  const { memory } = rig()
  t.same([memory.free, memory.reserved], [100, 0])
  const first = memory.reserve(60)
  const second = memory.reserve(30)
  t.same([memory.free, memory.reserved], [10, 90])
  first.release()
  first.release()
  t.same([memory.free, memory.reserved], [70, 30])
  second.release()
  t.equal(memory.free, 100)
  memory.reserve(500)
  t.equal(memory.free, 0, 'never negative')
})

t.test('what a load has taken is not counted twice', async (t) => {
  const { memory, take } = rig()
  const first = memory.reserve(60)
  take(40)
  t.same([memory.free, memory.reserved], [40, 20])
  take(-10)
  t.equal(memory.reserved, 20, 'memory that is given back was scratch')
  take(30)
  t.same([memory.free, memory.reserved], [40, 0], 'it took all that it had reserved')
  first.release()
  t.equal(memory.free, 40)
})

t.test('what was taken before a load does not count for it, and of several the oldest took it', async (t) => {
  const { memory, take } = rig()
  take(20)
  const first = memory.reserve(30)
  const second = memory.reserve(40)
  take(35)
  t.same([memory.free, memory.reserved], [10, 35])
  first.release()
  t.equal(memory.reserved, 35, 'the first had taken all of its own')
  second.release()
  t.same([memory.free, memory.reserved], [45, 0])
})

t.test('bounds become exact when somebody asks', async (t) => {
  const { memory, take } = rig()
  let asked = 0
  memory.reserve(80, async () => {
    asked++
    return 50
  })
  memory.reserve(10, () => Promise.reject(new Error('the file is gone')))
  take(20)
  t.equal(memory.reserved, 70)
  await Promise.all([memory.refine(), memory.refine()])
  t.same([memory.reserved, asked], [40, 1], 'what was taken stays taken')
})
