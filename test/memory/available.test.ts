import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { availableMemory, controlGroupRoom } from '#lib/memory/available.js'

function machine(t: Pick<Test, 'testdir'>, files: Record<string, string>): string {
  const root = t.testdir({})
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}

t.test('without a control group there is no limit', async (t) => {
  t.equal(controlGroupRoom(machine(t, {})), Number.POSITIVE_INFINITY)
  t.equal(controlGroupRoom(machine(t, { 'proc/self/cgroup': 'nonsense\n0::/a\n' })), Number.POSITIVE_INFINITY)
  t.ok(availableMemory() > 0)
})

t.test('version 2: the least of all ancestors, pages of files are free', async (t) => {
  const root = machine(t, {
    'proc/self/cgroup': '0::/pod/box\n',
    'sys/fs/cgroup/pod/memory.max': '8000\n',
    'sys/fs/cgroup/pod/memory.current': '5000\n',
    'sys/fs/cgroup/pod/memory.stat': 'anon 1\ninactive_file 300\nactive_file 700\n',
    'sys/fs/cgroup/pod/box/memory.max': 'max\n',
    'sys/fs/cgroup/pod/box/memory.current': '4000\n',
  })
  t.equal(controlGroupRoom(root), 4000)
  writeFileSync(join(root, 'sys/fs/cgroup/pod/box/memory.max'), '4500')
  t.equal(controlGroupRoom(root), 500)
  writeFileSync(join(root, 'sys/fs/cgroup/pod/box/memory.max'), '100')
  t.equal(controlGroupRoom(root), 0, 'never negative')
})

t.test('version 2 in a container, where only the root is there', async (t) => {
  const files = { 'sys/fs/cgroup/memory.max': '1000', 'sys/fs/cgroup/memory.current': '400' }
  t.equal(controlGroupRoom(machine(t, { 'proc/self/cgroup': '0::/host/path', ...files })), 600)
})

t.test('version 1', async (t) => {
  const root = machine(t, {
    'proc/self/cgroup': '5:cpu:/x\n4:hugetlb,memory:/x\n0::/\n',
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    'sys/fs/cgroup/memory/memory.usage_in_bytes': '1',
    'sys/fs/cgroup/memory/x/memory.limit_in_bytes': '1000',
    'sys/fs/cgroup/memory/x/memory.usage_in_bytes': '900',
    'sys/fs/cgroup/memory/x/memory.stat': 'inactive_file 1\ntotal_inactive_file 50\ntotal_active_file 30\n',
  })
  t.equal(controlGroupRoom(root), 180)
})
