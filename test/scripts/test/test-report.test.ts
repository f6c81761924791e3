import t from 'tap'
import { node } from '../script.js'

/** Reports TAP as scripts/test/test.mjs does; gives the exit code and the last line. */
async function report(tap: string) {
  const program = `
    import { TestReport } from './scripts/test/test-report.mjs'
    const report = new TestReport()
    await report.read(process.stdin, 'the source')
    process.exitCode = report.finish()`
  const { code, stdout, stderr } = await node(['--input-type=module', '-e', program], {}, tap)
  return { code, last: stdout.trimEnd().split('\n').at(-1), stdout, stderr }
}

const passing = `TAP version 14
# Subtest: a file
    # Subtest: inner
        ok 1 - one
        ok 2 - two
        1..2
    ok 1 - inner
    ok 2 - three
    1..2
ok 1 - a file
1..1
`

t.test('each assertion counts once, whatever subtests it is in', async (t) => {
  t.match(await report(passing), { code: 0, last: '3 passed, 0 failed', stderr: '' })
})

t.test('a failed assertion fails the run and is shown with its place', async (t) => {
  const tap = passing.replace('ok 2 - two', 'not ok 2 - two\n          ---\n          at: foo.ts\n          ...')
  const ended = await report(
    tap.replace('ok 1 - inner', 'not ok 1 - inner').replace('ok 1 - a file', 'not ok 1 - a file'),
  )
  t.match(ended, { code: 1, last: '2 passed, 1 failed' })
  t.match(ended.stdout, /FAILED {2}a file > inner > two\n {2}at: foo\.ts/)
})

t.test('a file that crashes after passing counts as one failure', async (t) => {
  const tap = passing.replace('ok 1 - a file', 'not ok 1 - a file\n  ---\n  signal: SIGSEGV\n  ...')
  const ended = await report(tap)
  t.match(ended, { code: 1, last: '3 passed, 1 failed' })
  t.match(ended.stdout, /FAILED {2}a file\n {2}signal: SIGSEGV/)
})

t.test('output that breaks off is a failure', async (t) => {
  t.match(await report('TAP version 14\nok 1 - one\n'), { code: 1, last: '1 passed, 1 failed' })
  t.match(await report(''), { code: 1, last: '0 passed, 1 failed' })
})

t.test('when no test ran the run fails', async (t) => {
  const ended = await report('TAP version 14\n1..0\n')
  t.match(ended, { code: 1, last: '0 passed, 0 failed' })
  t.match(ended.stdout, /No test ran\./)
})

t.test('skipped tests are counted apart and listed with their reason', async (t) => {
  const ended = await report(
    'TAP version 14\nok 1 - one\nok 2 - two # SKIP no model\nnot ok 3 - three # TODO later\n1..3\n',
  )
  t.match(ended, { code: 0, last: '1 passed, 0 failed, 2 skipped' })
  t.match(ended.stdout, /Skipped:\n {2}two: no model\n {2}three: to do: later\n/)
})

t.test('a second run says what it was', async (t) => {
  const program = `
    import { Readable } from 'node:stream'
    import { TestReport } from './scripts/test/test-report.mjs'
    const report = new TestReport()
    await report.read(Readable.from(['TAP version 14\\nok 1 - one\\n1..1\\n']), 'first')
    report.context = 'as avx2'
    await report.read(Readable.from(['TAP version 14\\nnot ok 1 - one\\nok 2 - two # SKIP no model\\n1..2\\n']), 'second')
    process.exitCode = report.finish()`
  const { code, stdout } = await node(['--input-type=module', '-e', program], {})
  t.equal(code, 1)
  t.match(stdout, /Skipped:\n {2}two \(as avx2\): no model\n\nFailed:\n {2}one \(as avx2\)\n/)
  t.equal(stdout.trimEnd().split('\n').at(-1), '1 passed, 1 failed, 1 skipped')
})

t.test('of many files the slowest are listed, slowest first', async (t) => {
  const file = (_: unknown, index: number) => {
    const name = `file ${index + 1}`
    const point = `ok ${index + 1} - ${name} # time=${(index * 7) % 25}000ms`
    return `# Subtest: ${name}\n    ok 1 - one\n    1..1\n${point}\n`
  }
  const { stdout } = await report(`TAP version 14\n${Array.from({ length: 25 }, file).join('')}1..25\n`)
  const lines = stdout.split('Slowest:\n')[1]?.split('\n\n')[0]?.split('\n') ?? []
  t.equal(lines.length, 20)
  t.equal(lines[0], '    24.0 s  file 8')
  t.equal(lines[19], '     5.0 s  file 16')
  t.notMatch((await report(passing)).stdout, /Slowest/, 'a few are not worth a list')
})
