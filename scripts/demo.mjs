// @ts-check
import { join } from 'node:path'
import { exists } from './build/wheel.mjs'
import { demoModel } from './demo-model.mjs'
import { Complaint, root, run, runMain } from './run.mjs'

runMain(async () => {
  const cli = join(root, 'dist', 'cli', 'main.js')
  if (!(await exists(cli))) throw new Complaint(`${cli} is not built yet: run npm install, or npm run build.`)
  const question = process.argv.slice(2).join(' ')
  const model = await demoModel()
  // The question may look like an option.
  const command = question ? ['generate', model, '--', question] : ['chat', model]
  // In a chat, Ctrl+C is for the program that we run, where it stops the answer.
  process.on('SIGINT', () => {})
  return await run(process.execPath, [cli, ...command], { cwd: process.cwd() })
})
