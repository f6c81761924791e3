import t from 'tap'
import { Deadline } from '#lib/text/worker/deadline.js'

/** Clocks that stand still until they are told to go on. */
class Rig {
  cpu: number | undefined = 0
  wall = 0
  expired: string[] = []
  looks = 0
  timer: { at: number; call: () => void } | undefined
  readonly deadline = new Deadline(
    { cpuMs: 15_000, wallMs: 300_000 },
    {
      cpu: () => this.cpu,
      wall: () => this.wall,
      after: (ms, call) => {
        t.ok(ms > 0)
        const timer = { at: this.wall + ms, call }
        this.timer = timer
        return () => {
          if (this.timer === timer) this.timer = undefined
        }
      },
    },
    (limit) => this.expired.push(limit),
  )

  /** Lets time go on until `ms`; the thread gets `share` of the processor. */
  until(ms: number, share: number): void {
    while (this.timer !== undefined && this.timer.at <= ms) {
      const { at, call } = this.timer
      this.#go(at, share)
      this.timer = undefined
      this.looks++
      call()
    }
    this.#go(ms, share)
  }

  #go(wall: number, share: number): void {
    if (this.cpu !== undefined) this.cpu += (wall - this.wall) * share
    this.wall = wall
  }
}

t.test('a thread that computes all the time has its CPU time, and no more', async (t) => {
  const rig = new Rig()
  rig.deadline.start()
  rig.until(14_999, 1)
  t.same(rig.expired, [])
  rig.until(15_020, 1)
  t.same(rig.expired, ['cpu'])
  t.equal(rig.timer, undefined)
})

t.test('on a busy machine the clock runs far ahead, and nothing fails', async (t) => {
  const rig = new Rig()
  rig.deadline.start()
  rig.until(140_000, 0.1)
  t.same(rig.expired, [])
  t.ok(rig.looks < 200, `${rig.looks} looks`)
  rig.until(160_000, 0.1)
  t.same(rig.expired, ['cpu'], 'its CPU time ends all the same')
})

t.test('a thread that waits has time on the clock', async (t) => {
  const rig = new Rig()
  rig.deadline.start()
  rig.until(299_999, 0)
  t.same(rig.expired, [])
  t.ok(rig.looks <= 20, `${rig.looks} looks`)
  rig.until(300_000, 0)
  t.same(rig.expired, ['wall'])
})

t.test('while the CPU time is not known, only the clock counts', async (t) => {
  const rig = new Rig()
  rig.cpu = undefined
  rig.deadline.start()
  rig.until(100_000, 1)
  t.same(rig.expired, [])
  rig.cpu = 14_000
  rig.until(130_000, 1)
  t.same(rig.expired, ['cpu'], 'it counts from the beginning of the thread')
})

t.test('each job has its own time', async (t) => {
  const rig = new Rig()
  for (let job = 0; job < 5; job++) {
    rig.deadline.start()
    rig.until(rig.wall + 10_000, 1)
    rig.deadline.stop()
    t.equal(rig.timer, undefined, 'nothing is left that could keep a process alive')
    rig.until(rig.wall + 1_000_000, 0)
  }
  t.same(rig.expired, [])
})

t.test('hurry: less time for what runs, none for what does not', async (t) => {
  const rig = new Rig()
  rig.deadline.hurry(500)
  t.equal(rig.timer, undefined)
  rig.deadline.start()
  rig.until(1000, 1)
  rig.deadline.hurry(500)
  rig.until(1400, 1)
  t.same(rig.expired, [])
  rig.deadline.hurry(10_000)
  rig.until(1510, 1)
  t.same(rig.expired, ['cpu'])
})
