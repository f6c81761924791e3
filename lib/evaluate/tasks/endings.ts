import { acc, accNorm, rightMass } from '../metrics.js'
import type { ChoiceExample, ChoiceTask } from '../task.js'
import { labelled } from './labelled.js'

/** A prompt and whole answers to it. */
function endings(prompt: string, answers: readonly string[], gold: readonly number[]): ChoiceExample {
  return { asks: answers.map((answer) => ({ prompt, answer })), gold }
}

const arc = (name: string, alias: string, title: string): ChoiceTask => ({
  kind: 'choices',
  name,
  aliases: [alias],
  title,
  shots: 10,
  read(row) {
    const { question, texts, right } = labelled(row, 'question')
    return endings(`Question: ${question}\nAnswer:`, texts, [right])
  },
  grade: accNorm,
})

export const arcChallenge = arc('arc_challenge', 'arc_c', 'ARC Challenge')
export const arcEasy = arc('arc_easy', 'arc_e', 'ARC Easy')

export const openbookqa: ChoiceTask = {
  kind: 'choices',
  name: 'openbookqa',
  aliases: ['obqa'],
  title: 'OpenBookQA',
  shots: 10,
  read(row) {
    const { question, texts, right } = labelled(row, 'question_stem', 4)
    return endings(question, texts, [right])
  },
  grade: accNorm,
}

export const hellaswag: ChoiceTask = {
  kind: 'choices',
  name: 'hellaswag',
  title: 'HellaSwag',
  shots: 5,
  read(row) {
    const ending = row.get('ctx_b')
    if (typeof ending !== 'string') throw row.invalid('ctx_b', 'text')
    const prompt = withoutBrackets(`${row.text('activity_label')}: ${row.text('ctx_a')} ${capitalized(ending)}`)
    return endings(prompt, row.texts('endings', 4).map(withoutBrackets), [row.index('label', 4)])
  },
  grade: accNorm,
}

/** As Python's str.capitalize. */
const capitalized = (text: string): string => {
  const [first = '', ...rest] = text
  return first.toUpperCase() + rest.join('').toLowerCase()
}

// WikiHow's headings are marked with brackets. The steps are those of lm-evaluation-harness.
const withoutBrackets = (text: string): string =>
  text
    .trim()
    .replaceAll(' [title]', '. ')
    .replaceAll(/\[.*?\]/g, '')
    .replaceAll('  ', ' ')

export const piqa: ChoiceTask = {
  kind: 'choices',
  name: 'piqa',
  title: 'PIQA',
  shots: 5,
  read: (row) =>
    endings(`Question: ${row.text('goal')}\nAnswer:`, [row.text('sol1'), row.text('sol2')], [row.index('label', 2)]),
  grade: accNorm,
}

export const socialIqa: ChoiceTask = {
  kind: 'choices',
  name: 'social_iqa',
  aliases: ['siqa', 'sociqa'],
  title: 'SociQA',
  shots: 5,
  read: (row) =>
    endings(
      `Q: ${row.text('context')} ${row.text('question')}\nA:`,
      [row.text('answerA'), row.text('answerB'), row.text('answerC')],
      [row.index('label', 3, 1)],
    ),
  grade: acc,
}

export const winogrande: ChoiceTask = {
  kind: 'choices',
  name: 'winogrande',
  title: 'WinoGrande',
  shots: 5,
  read(row) {
    const sentence = row.text('sentence')
    const blank = sentence.indexOf('_')
    const rest = sentence.slice(blank + 1).trim()
    if (blank < 0 || rest === '') throw row.invalid('sentence', 'text with a blank "_" and words behind it')
    const options = [row.text('option1'), row.text('option2')]
    return {
      asks: options.map((option) => ({ prompt: sentence.slice(0, blank) + option, answer: rest })),
      gold: [row.index('answer', 2, 1)],
    }
  },
  grade: acc,
}

export const agieval: ChoiceTask = {
  kind: 'choices',
  name: 'agieval',
  title: 'AGIEval',
  shots: 0,
  read(row) {
    const choices = row.texts('choices', 2, 16)
    const gold = row.get('gold')
    const inside = (index: unknown): index is number =>
      Number.isInteger(index) && (index as number) >= 0 && (index as number) < choices.length
    if (!Array.isArray(gold) || gold.length === 0 || !gold.every(inside)) {
      throw row.invalid('gold', `an array of integers from 0 to ${choices.length - 1}`)
    }
    return endings(row.text('query'), choices, gold)
  },
  grade: accNorm,
}

export const truthfulqaMc2: ChoiceTask = {
  kind: 'choices',
  name: 'truthfulqa_mc2',
  aliases: ['truthfulqa'],
  title: 'TruthfulQA MC2',
  shots: 10,
  read(row) {
    const targets = row.object('mc2_targets')
    const choices = targets.texts('choices', 2, 64)
    const labels = targets.get('labels')
    const marks = Array.isArray(labels) && labels.length === choices.length ? labels : []
    if (!marks.includes(1) || !marks.includes(0) || marks.some((label) => label !== 0 && label !== 1)) {
      throw targets.invalid('labels', `an array of ${choices.length} labels, each 0 or 1, both of them present`)
    }
    const gold = marks.flatMap((label, i) => (label === 1 ? [i] : []))
    return endings(`Q: ${row.text('question')}\nA:`, choices, gold)
  },
  grade: rightMass,
}
