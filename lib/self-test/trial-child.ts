import { LLMError } from '../errors.js'
import { LLM } from '../llm.js'
import { measureSpeed } from './measure.js'
import { newTrial, type Trial, type TrialLoad, type TrialTask } from './trial.js'

// Main module of the process that `runTrial` starts. It sends the trial whenever something is known, because it may die at any moment.

// Nobody waits for the answer any more.
process.on('disconnect', () => process.exit(0))

const task = JSON.parse(process.argv[2] ?? '') as TrialTask
const trial: Trial = newTrial(task)

function tell(stage: string): void {
  trial.stage = stage
  trial.peakMemory = process.resourceUsage().maxRSS * 1024
  process.send?.(trial)
}

async function load(): Promise<void> {
  const begin = performance.now()
  await using llm = await LLM.load(task.folder, {
    ...task.options,
    onProgress: ({ stage }) => {
      if (stage !== trial.stage) tell(stage)
    },
    onWarning: ({ message }) => trial.warnings.push(message),
  })
  const milliseconds = performance.now() - begin
  const { runner, runnerReason, precision, properties } = llm.info
  const fromCache = properties['LOADED_FROM_CACHE'] ?? ''
  const loaded: TrialLoad = { milliseconds, runner, runnerReason, fromCache, precision, answers: [] }
  trial.loads.push(loaded)
  tell('answer')
  for (const { prompt, answer } of task.cases) {
    const options = { temperature: 0, ignoreEos: true, maxNewTokens: answer.length }
    const { tokens } = await llm.generate({ tokens: prompt }, options)
    const wrong = answer.findIndex((token, i) => token !== tokens[i])
    const right = wrong < 0 ? answer.length : wrong
    loaded.answers.push({ promptTokens: prompt.length, right, expected: answer.length })
  }
  if (task.measure) {
    tell('measure')
    trial.speed = await measureSpeed(llm)
  }
  tell('close')
}

async function run(): Promise<void> {
  for (let i = 0; i < task.loads; i++) await load()
  trial.passed = trial.loads.every(({ answers }) => answers.every(({ right, expected }) => right === expected))
}

void run()
  .catch((error: unknown) => {
    const code = error instanceof LLMError ? error.code : error instanceof Error ? error.name : 'Error'
    trial.error = { code, message: error instanceof Error ? error.message : String(error) }
  })
  .then(() => {
    trial.stage = 'end'
    process.send?.(trial, () => process.exit(0))
  })
