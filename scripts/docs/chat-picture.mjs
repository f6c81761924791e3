// @ts-check
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { demoModel } from '../demo-model.mjs'
import { Complaint, root, runMain } from '../run.mjs'
import { Terminal } from './terminal.mjs'
import { terminalSvg, wrap } from './terminal-svg.mjs'

// Runs `openvino-llm chat` on the demo model in a pseudo-terminal, types two questions, and draws what is on its screen as docs/chat.svg.

const questions = ['Why is the sky blue? Answer in one sentence.', 'And at sunset?']
const columns = 104
/** What says that the chat waits for a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: readline moves the cursor behind it
const prompt = /> (\x1b\[\d+G)?$/

runMain(async () => {
  const model = await demoModel()
  const cli = join(root, 'dist', 'cli', 'main.js')
  const flags = ['--max-new-tokens', '80', '--stats']
  const written = await converse([process.execPath, cli, 'chat', model, ...flags], questions)
  const terminal = new Terminal()
  terminal.write(written)
  const command = `$ openvino-llm chat ${basename(model)} ${flags.join(' ')}`
  const lines = [command, ...terminal.lines.filter((line) => line !== '>')].flatMap((line) =>
    wrap(line.replaceAll(model, basename(model)), columns).map((text) => ({ text, kind: kindOf(line) })),
  )
  const description = `A chat in a terminal: ${questions.join(' ')}`
  await writeFile(
    join(root, 'docs', 'chat.svg'),
    terminalSvg(lines, { columns, title: 'openvino-llm chat', description }),
  )
})

/**
 * @param {string} line
 * @returns {'text' | 'typed' | 'note'}
 */
function kindOf(line) {
  if (/^[$>] /.test(line)) return 'typed'
  return line.startsWith('openvino-llm: ') || line.includes('/help lists commands') ? 'note' : 'text'
}

/**
 * What a program writes to its terminal while one line after the other is typed, each when it asks for one.
 * @param {string[]} command
 * @param {string[]} typed
 * @returns {Promise<string>}
 */
function converse(command, typed) {
  // util-linux' script gives the program a terminal. The columns are many: this file breaks the lines.
  const line = `stty cols 2000 && ${command.map((word) => `'${word}'`).join(' ')}`
  const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let written = ''
  const rest = [...typed]
  child.stdout.setEncoding('utf8').on('data', (text) => {
    written += text
    if (!prompt.test(written.slice(-20))) return
    const next = rest.shift()
    // Ctrl+D at an empty line ends the chat.
    child.stdin.write(next === undefined ? '\x04' : `${next}\r`)
  })
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(new Complaint('script is not installed: apt-get install bsdutils')))
    child.on('close', (code) => {
      if (code === 0) resolve(written)
      else reject(new Complaint(`the chat ended with exit code ${code}:\n${stripVTControlCharacters(written)}`))
    })
  })
}
