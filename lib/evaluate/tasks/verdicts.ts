import { acc } from '../metrics.js'
import type { ChoiceExample, ChoiceTask } from '../task.js'

/** A prompt and the few words that may answer it. */
function verdict(prompt: string, words: readonly string[], right: number): ChoiceExample {
  return { asks: words.map((answer) => ({ prompt, answer })), gold: [right] }
}

export const anli: ChoiceTask = {
  kind: 'choices',
  name: 'anli',
  title: 'ANLI',
  shots: 7,
  read(row) {
    // The published files call the premise `context`, and label with letters: entailment, neutral, contradiction.
    const label = typeof row.get('label') === 'string' ? row.word('label', ['e', 'n', 'c']) : row.index('label', 3)
    const premise = row.text(row.has('context') ? 'context' : 'premise')
    return verdict(
      `${premise}\nQuestion: ${row.text('hypothesis')} True, False, or Neither?\nAnswer:`,
      ['True', 'Neither', 'False'],
      label,
    )
  },
  grade: acc,
}

export const boolq: ChoiceTask = {
  kind: 'choices',
  name: 'boolq',
  title: 'BoolQ',
  shots: 2,
  read(row) {
    const right = row.has('answer') ? Number(row.boolean('answer')) : row.index('label', 2)
    return verdict(`${row.text('passage')}\nQuestion: ${row.text('question')}?\nAnswer:`, ['no', 'yes'], right)
  },
  grade: acc,
}
