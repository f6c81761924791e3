import type { Finding } from '../doctor/diagnose.js'
import type { Report } from './report.js'
import type { Trial } from './trial.js'

/** What the devices did, in the words of the doctor. */
export function summary({ selfTests, measurements }: Pick<Report, 'selfTests' | 'measurements'>): Finding[] {
  return [...selfTests.map(selfTestFinding), ...measurements.map(measurementFinding)]
}

function selfTestFinding(trial: Trial): Finding {
  const { device: subject, loads, error, passed } = trial
  const engine = loads[0]?.runner ?? trial.engine
  if (error) return { level: 'problem', subject, text: `self-test (${engine}): ${error.code}: ${error.message}` }
  const answers = loads.flatMap((load) => load.answers)
  if (passed) {
    const times = loads.map(({ milliseconds }) => seconds(milliseconds)).join(', then ')
    return {
      level: 'ok',
      subject,
      text: `self-test (${engine}): ${answers.length} answers are right; loaded in ${times}`,
    }
  }
  const parts = answers.map(({ right, expected, promptTokens }) => `${right} of ${expected} after ${promptTokens}`)
  return { level: 'problem', subject, text: `self-test (${engine}): tokens that are right: ${parts.join(', ')}` }
}

function measurementFinding({ device: subject, loads, speed, error }: Trial): Finding {
  if (error || !speed) return { level: 'problem', subject, text: `model: ${error?.code}: ${error?.message}` }
  const { promptTokens, prefill, decode } = speed
  const load = loads[0]
  const text = [
    `model (${load?.runner}): prompts of ${promptTokens} tokens at ${prefill.toFixed(0)} tokens/s`,
    `answers at ${decode.toFixed(1)} tokens/s`,
    `loaded in ${seconds(load?.milliseconds ?? 0)}`,
  ]
  return { level: 'ok', subject, text: text.join(', ') }
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`
