import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { chunk, events, eventsOf, fakeServer } from './fake-server.js'

t.test('connecting loads no addon', async (t) => {
  await using fake = await fakeServer((response) => events(response, eventsOf(chunk({ content: 'Hello' }, 'stop'))))
  const script = `
    import { LLM } from 'openvino-llm'
    const llm = await LLM.connect(${JSON.stringify(fake.url)})
    const { text } = await llm.generate('Hi')
    await llm.close()
    const { sharedObjects } = process.report.getReport()
    console.log(JSON.stringify({ text, addons: sharedObjects.filter((path) => /\\.node$|openvino/.test(path)) }))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  t.same(JSON.parse(stdout), { text: 'Hello', addons: [] })
})
