import { snapshot } from '#lib/hub/download.js'

// A process of processes.test.ts: downloads everything, and tells its parent of warnings and of the end.
const [endpoint = '', cacheDir = '', repo = ''] = process.argv.slice(2)
const { folder } = await snapshot({
  repo,
  endpoint,
  cacheDir,
  offline: false,
  token: 'hf_test',
  select: (files) => files.map(({ path }) => path),
  warn: (_code, message) => process.send?.({ warning: message }),
})
process.send?.({ folder })
process.disconnect()
