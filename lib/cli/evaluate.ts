import { Command } from 'commander'
import { checkEvaluation } from '../evaluate/evaluate.js'
import { type Estimate, type Evaluation, evaluate, type GradedQuestions } from '../evaluate/index.js'
import { type EvaluateOptions, evaluateTable } from '../options/evaluate.js'
import { loadTable } from '../options/load.js'
import type { Interrupts } from './interrupts.js'
import { loadForCommand } from './load.js'
import { addCommonFlags, addFlags, type Flags, flagsOf, optionsFrom } from './options.js'
import { withProgress } from './progress.js'
import { printable, put } from './terminal.js'

/** `evaluate`: how many questions of a task a model answers rightly. */
export function evaluateCommand(interrupts: Interrupts): Command {
  const command = new Command('evaluate')
    .summary('counts right answers to a task')
    .description("Asks MODEL the questions of FILE, a data set's JSON lines, and says how many are right.")
    .argument('<model>')
    .argument('<file>')
    .option('--json', 'one JSON object instead of the table')
  addFlags(command, [...flagsOf(evaluateTable), ...flagsOf(loadTable)])
  addCommonFlags(command).addHelpText(
    'after',
    '\nExample: openvino-llm evaluate ./model mmlu.jsonl --output mmlu-results.jsonl',
  )
  return command.action(async (model: string, file: string, flags: Flags) => {
    const { signal } = interrupts
    const options: EvaluateOptions = optionsFrom(flags, evaluateTable)
    try {
      checkEvaluation(file, options)
    } catch (error) {
      command.error(`error: ${(error as Error).message}`)
    }
    await using llm = await loadForCommand(model, flags, interrupts)
    const found = await withProgress((onProgress) =>
      evaluate(llm, file, {
        ...options,
        signal,
        onProgress: ({ done, total }) => onProgress({ stage: `${done}/${total}`, done, total }),
      }),
    )
    await put(process.stdout, flags.json ? `${JSON.stringify(found)}\n` : printable(table(found)))
  })
}

const ofPercent = (part: number | null): string => (part === null ? '' : (100 * part).toFixed(2))

/** A line for all questions, and one for each group of them; figures in percent. */
function table({ title, shots, groups, ...all }: Evaluation): string {
  const metrics = Object.keys(all.scores)
  const cells = (name: string, asked: string, { questions, scores }: GradedQuestions): string[] => [
    name,
    asked,
    String(questions),
    ...metrics.flatMap((metric) => {
      const { value, stderr } = scores[metric] as Estimate
      return [ofPercent(value), stderr === null ? '' : `± ${ofPercent(stderr)}`]
    }),
  ]
  const rows = [
    ['task', 'shots', 'questions', ...metrics.flatMap((metric) => [`${metric} %`, ''])],
    cells(title, String(shots), all),
    ...Object.entries(groups).map(([group, graded]) => cells(`  ${group}`, '', graded)),
  ]
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const line = (row: string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
