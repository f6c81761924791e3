import { fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import t from 'tap'
import { skipWithoutGrammars } from '../llm/constrained.js'
import { loadTiny } from '../llm/fixtures.js'
import { allPages } from './markdown.js'
import type { RunReport } from './run-blocks.js'
import {
  type CompiledBlock,
  compileBlocks,
  hasDemoModel,
  needsDemoModel,
  needsGrammars,
  needsPaging,
  placeModels,
} from './typescript-blocks.js'

const blocks = allPages().flatMap(({ blocks }) => blocks.filter(({ language }) => language === 'ts'))

t.test('every TypeScript block compiles with the types of the package, and runs unless it says why not', async (t) => {
  const folder = t.testdir({ run: {} })
  const compiled = compileBlocks(blocks, folder)
  for (const { name, errors, block } of compiled) {
    t.same(errors, [], name)
    t.match(block.note, /^(no-run: \w.*)?$/, `${name}: the note is empty, or no-run: and the reason`)
  }
  const sound = compiled.filter(({ errors, block }) => errors.length === 0 && block.note === '')
  const pages = await canPage()
  const runnable = sound.filter(
    ({ block }) =>
      (hasDemoModel() || !needsDemoModel(block)) &&
      (pages || !needsPaging(block)) &&
      (!skipWithoutGrammars || !needsGrammars(block)),
  )
  if (skipWithoutGrammars) t.comment(`blocks that need grammars were not run: ${skipWithoutGrammars}`)
  if (!hasDemoModel()) t.comment('blocks that need the demo model were not run: it is absent')
  if (!pages) t.comment('blocks that need the paged engine were not run: this CPU has no AVX2')
  const place = `${folder}/run`
  await placeModels(place)
  // Those whose output is shown have a process of their own: what another has subscribed to would print there.
  const shows = ({ block }: CompiledBlock) => block.output !== undefined
  const silent = runnable.filter((one) => !shows(one))
  const runs = [await runBlocks(silent, place), await runBlocks(runnable.filter(shows), place)]
  const reports = new Map(runs.flatMap((run) => [...run.reports]))
  for (const { name, path, block } of runnable) {
    t.equal(reports.get(path)?.failure, '', `${name} runs`)
    if (block.output !== undefined)
      t.equal(reports.get(path)?.output, block.output, `${name} prints what the page shows`)
  }
  if (!t.passing()) for (const { stderr } of runs) t.comment(stderr)
})

async function canPage(): Promise<boolean> {
  await using llm = await loadTiny('tiny-llama')
  return llm.info.runner === 'paged'
}

/** What became of each block; one that is missing was never reached. All run in one process, in turn. */
async function runBlocks(
  compiled: readonly CompiledBlock[],
  cwd: string,
): Promise<{ reports: Map<string, RunReport>; stderr: string }> {
  const child = fork(
    resolve('build/test/docs/run-blocks.js'),
    compiled.map(({ path }) => path),
    // Standard output is for the test's own report.
    { cwd, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] },
  )
  const reports = new Map<string, RunReport>()
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.on('message', (report: RunReport) => reports.set(report.path, report))
  await once(child, 'close')
  return { reports, stderr }
}
