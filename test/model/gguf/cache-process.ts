import { cachedModel } from '#lib/model/gguf/cached-model.js'
import { fakeJob } from '../fake-job.js'

// A process of cached-model.test.ts: waits for the starting signal with its conversion done, so that all of them reach the rename together.
const [path = '', root = ''] = process.argv.slice(2)
const runJob = fakeJob(
  () =>
    new Promise((resolve) => {
      process.send?.('converting')
      process.once('message', () => resolve())
    }),
)
cachedModel(path, { root, runJob, versions: { version: '1', openvino: '2' } }).then(
  ({ folder }) => {
    process.send?.(folder)
    process.disconnect()
  },
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  },
)
