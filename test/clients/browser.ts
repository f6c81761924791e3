import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { clientsFolder, installed, skipWithoutClients } from './installed.js'

const chromium = [
  process.env['OPENVINO_LLM_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))

/** Why tests that need a browser are skipped, or false. */
export const skipWithoutBrowser =
  skipWithoutClients || (chromium === undefined && 'no Chromium is installed, and OPENVINO_LLM_CHROMIUM names none')

/** What is used of playwright-core. */
export interface Locator {
  click(): Promise<void>
  fill(text: string): Promise<void>
  focus(): Promise<void>
  press(key: string): Promise<void>
  hover(): Promise<void>
  selectOption(value: string): Promise<unknown>
  waitFor(options?: { state?: 'visible' | 'detached' | 'hidden' }): Promise<void>
  textContent(): Promise<string | null>
  inputValue(): Promise<string>
  isDisabled(): Promise<boolean>
  count(): Promise<number>
  allTextContents(): Promise<string[]>
  evaluate<T, A>(act: (element: HTMLElementLike, given: A) => T, given?: A): Promise<T>
  first(): Locator
  last(): Locator
  locator(selector: string): Locator
}
/** This project has no types of browsers: what runs in one is checked by running it. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type HTMLElementLike = any
interface Named {
  name?: string | RegExp
  exact?: boolean
}
export interface Page {
  goto(url: string): Promise<unknown>
  reload(): Promise<unknown>
  getByRole(role: string, named?: Named): Locator
  getByLabel(text: string, named?: Named): Locator
  getByText(text: string | RegExp, named?: Named): Locator
  locator(selector: string): Locator
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> }
  evaluate<T>(act: string | (() => T)): Promise<T>
  waitForEvent(name: 'download'): Promise<{ suggestedFilename(): string; path(): Promise<string> }>
  emulateMedia(media: { colorScheme: 'light' | 'dark' }): Promise<void>
  setViewportSize(size: { width: number; height: number }): Promise<void>
  screenshot(options: { path: string }): Promise<unknown>
  on(name: 'request', listener: (request: { url(): string }) => void): void
  on(name: 'dialog', listener: (dialog: { message(): string; dismiss(): Promise<void> }) => void): void
  on(name: 'console', listener: (message: { type(): string; text(): string }) => void): void
  on(name: 'pageerror', listener: (error: Error) => void): void
}
interface Browser {
  newContext(options: object): Promise<{
    newPage(): Promise<Page>
    addInitScript(script: string): Promise<void>
    close(): Promise<void>
  }>
  close(): Promise<void>
}

/** A page of a browser, and what happened on it that should not. */
export interface Opened extends AsyncDisposable {
  page: Page
  /** Errors of scripts, violations of the policy, questions of `alert`, requests to other hosts. */
  wrong: string[]
}

/**
 * Opens an address in a browser of its own.
 * @param script runs before the page's
 */
export async function openPage(url: string, script = ''): Promise<Opened> {
  const { chromium: type } = await installed<{ chromium: { launch(options: object): Promise<Browser> } }>(
    'playwright-core',
  )
  const browser = await type.launch({ executablePath: chromium })
  // Without motion, colours are what they will be as soon as they change.
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, reducedMotion: 'reduce' })
  await context.addInitScript(script)
  const page = await context.newPage()
  const wrong: string[] = []
  page.on('pageerror', (error) => wrong.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  // A request that the server refuses is an error there, too.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (401|429)/.test(message.text())) wrong.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('blob:')) wrong.push(`request: ${request.url()}`)
  })
  await page.goto(url)
  return { page, wrong, [Symbol.asyncDispose]: () => browser.close() }
}

/** What axe-core finds wrong with a page as it is, in light and in dark. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(join(clientsFolder, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8'))
  const found: string[] = []
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const violations = await page.evaluate<{ id: string; nodes: { html: string }[] }[]>(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html }) => ({ html })) })))',
    )
    found.push(
      ...violations.map(({ id, nodes }) => `${colorScheme}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`),
    )
  }
  await page.emulateMedia({ colorScheme: 'light' })
  return found
}
