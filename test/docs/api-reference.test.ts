import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import t from 'tap'
import { Running } from '../cli/cli.js'

const typedoc = join(dirname(createRequire(import.meta.url).resolve('typedoc/package.json')), 'bin', 'typedoc')

// typedoc.json turns every warning into an error: a broken link, or a public type that is not exported.
t.test('the API reference can be made from the TSDoc, and none of its links is broken', async (t) => {
  const { code, stdout, stderr } = await new Running(process.execPath, [typedoc, '--emit', 'none'], {}).ended
  t.equal(code, 0, stdout + stderr)
})
