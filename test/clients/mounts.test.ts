import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { Running } from '../cli/cli.js'
import { loadTiny, tiny } from '../llm/fixtures.js'
import { OpenAI } from '../server/openai.js'
import { user } from '../server/serving.js'
import { clientsFolder, skipWithoutClients } from './installed.js'

// The examples run as they stand, where their frameworks are installed.
const skip = skipWithoutClients
const model = 'tiny-llama-fp32'
const asked = { model: 'mine', messages: [user('Hello there')], max_tokens: 8, temperature: 0 }

/** The path of an example among the installed packages. */
function placed(test: Pick<typeof t, 'teardown'>, name: string): string {
  const folder = mkdtempSync(join(clientsFolder, 'example-'))
  test.teardown(() => rmSync(folder, { recursive: true }))
  copyFileSync(join('examples', 'mount', name), join(folder, name))
  return join(folder, name)
}

/** What the model says, whatever is around it. */
async function expected(): Promise<string> {
  await using llm = await loadTiny(model, { ovConfig: {} })
  return (await llm.generate(asked.messages, { maxNewTokens: 8, temperature: 0 })).text
}

for (const [name, below] of [
  ['hono', '/llm'],
  ['express', '/llm'],
  ['fastify', ''],
] as const) {
  t.test(`${name}: the models beside what the app has`, { skip }, async (t) => {
    const text = await expected()
    const app = new Running(process.execPath, [placed(t, `${name}.mjs`)], { MODEL: tiny(model), PORT: '0' })
    t.teardown(async () => {
      app.child.kill('SIGKILL')
      await app.ended
    })
    await app.until(({ stdout }) => /port: \d+/.test(stdout))
    const url = `http://127.0.0.1:${/port: (\d+)/.exec(app.stdout)?.[1]}`
    t.equal(await (await fetch(url)).text(), 'my own page')
    const client = new OpenAI({ baseURL: `${url}${below}/v1`, apiKey: 'none', maxRetries: 0 })
    t.match((await client.models.list()).data, [{ id: 'mine' }])
    t.equal((await client.chat.completions.create(asked)).choices[0]?.message.content, text)
    t.equal(await client.chat.completions.stream(asked).finalContent(), text)
    // A client that leaves, and an error behind it.
    const endless = { ...asked, max_tokens: 200, stream: true } as const
    for await (const _ of await client.chat.completions.create(endless)) break
    const failure = await client.chat.completions.create({ ...asked, temperature: -1 }).catch((error) => error)
    t.match(failure, { status: 400, param: 'temperature' })
  })
}

t.test('Next.js: a route handler', { skip }, async (t) => {
  const text = await expected()
  process.env['MODEL'] = tiny(model)
  const route = await import(pathToFileURL(placed(t, 'next-route.mjs')).href)
  const url = 'http://localhost:3000/v1'
  t.match(await (await route.GET(new Request(`${url}/models`))).json(), { data: [{ id: 'mine' }] })
  const body = JSON.stringify(asked)
  const response = await route.POST(new Request(`${url}/chat/completions`, { method: 'POST', body }))
  t.match(await response.json(), { choices: [{ message: { content: text } }] })
})
