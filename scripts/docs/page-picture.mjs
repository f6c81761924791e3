// @ts-check
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { demoModel } from '../demo-model.mjs'
import { Complaint, root, runMain } from '../run.mjs'
import { clientTools } from '../test/client-tools.mjs'

// Serves a model (by default the demo's), asks it on the chat page in Chromium, and takes a picture of that: docs/chat-page.png.
// node scripts/docs/page-picture.mjs [MODEL]; OPENVINO_LLM_CHROMIUM names the browser.

const question = 'Write a JavaScript function that adds two numbers, and explain it in one sentence.'

runMain(async () => {
  const { OPENVINO_LLM_CLIENTS: clients } = await clientTools()
  if (!clients) throw new Complaint('playwright-core could not be installed.')
  const { load } = await import(pathToFileURL(join(clients, 'import.mjs')).href)
  const { chromium } = await load('playwright-core')
  const { LLM, createServer } = await built()
  const model = process.argv[2] ? resolve(process.argv[2]) : await demoModel()
  const llm = await LLM.load(model)
  const server = createServer({ [basename(model)]: llm })
  const { url } = await server.listen({ port: 0 })
  const browser = await chromium.launch({ executablePath: process.env.OPENVINO_LLM_CHROMIUM ?? '/usr/bin/chromium' })
  try {
    const page = await browser.newPage({ viewport: { width: 1040, height: 560 }, deviceScaleFactor: 1.5 })
    // Without chance, so that the picture is the same again.
    await page.addInitScript(`localStorage.setItem('openvino-llm.settings', '{"temperature":0}')`)
    await page.goto(url)
    await page.getByLabel('Message').fill(question)
    await page.getByRole('button', { name: 'Send' }).click()
    await page.locator('.figures').waitFor()
    await page.screenshot({ path: join(root, 'docs', 'chat-page.png') })
  } finally {
    await browser.close()
    await server.close()
    await llm.close()
  }
})

/** What is built here. */
async function built() {
  const at = (/** @type {string} */ path) => pathToFileURL(join(root, 'dist', path)).href
  return { ...(await import(at('index.js'))), ...(await import(at('server/index.js'))) }
}
