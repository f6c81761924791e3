import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { node } from '../scripts/script.js'

/** What an expression gives with the exports of both modules of scripts/docs in scope. */
async function evaluate(expression: string): Promise<unknown> {
  const program = `
    import { Terminal } from './scripts/docs/terminal.mjs'
    import { terminalSvg, wrap } from './scripts/docs/terminal-svg.mjs'
    console.log(JSON.stringify(${expression}))`
  const { stdout } = await node(['--input-type=module', '-e', program], {})
  return JSON.parse(stdout)
}

const screen = (written: string) =>
  evaluate(`(() => { const screen = new Terminal(); screen.write(${JSON.stringify(written)}); return screen.lines })()`)

t.test('a terminal shows what a line editor and a progress line leave on the screen', async (t) => {
  t.same(await screen('one\r\ntwo\r\n\r\n'), ['one', 'two'])
  t.same(await screen('read ██ 50 %\r\u001b[Kready'), ['ready'], 'a line is erased')
  t.same(await screen('\u001b[1G\u001b[0J> \u001b[3GHi\u001b[1D\u001b[1Dho'), ['> ho'], 'the cursor moves')
})

t.test('lines break at blanks, and words that are too long where they must', async (t) => {
  t.same(await evaluate(`wrap('a few words and more', 9)`), ['a few', 'words and', 'more'])
  t.same(await evaluate(`wrap('abcdefgh', 3)`), ['abc', 'def', 'gh'])
  t.same(await evaluate(`wrap('', 3)`), [''])
})

t.test('the picture escapes what it shows', async (t) => {
  const lines = `[{ text: '> 1 < 2 & "3"', kind: 'typed' }]`
  const svg = await evaluate(`terminalSvg(${lines}, { columns: 20, title: '<t>', description: '"d"' })`)
  t.match(svg, />&gt; 1 &lt; 2 &amp; &quot;3&quot;<\/text>/)
  t.match(svg, /aria-label="&quot;d&quot;"/)
})

t.test('docs/chat.svg is small and fetches nothing', (t) => {
  const svg = readFileSync(join('docs', 'chat.svg'), 'utf8')
  t.ok(svg.length < 10_000)
  t.notMatch(svg.replace('xmlns="http://www.w3.org/2000/svg"', ''), /https?:|url\(|@import|<script|<image/)
  t.match(svg, /\$ openvino-llm chat .*--stats/)
  t.match(svg, /tokens\/s, finish: /)
  t.end()
})

t.test('docs/chat-page.png is a picture of less than 150 kB', (t) => {
  const png = readFileSync(join('docs', 'chat-page.png'))
  t.equal(png.subarray(1, 4).toString(), 'PNG')
  t.ok(png.length < 150_000)
  t.end()
})
