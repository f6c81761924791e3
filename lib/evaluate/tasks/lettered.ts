import { acc, accNorm } from '../metrics.js'
import type { Row } from '../row.js'
import type { ChoiceExample, ChoiceTask } from '../task.js'
import { labelled } from './labelled.js'

const letters = ['A', 'B', 'C', 'D', 'E']

/** A question that lists its answers under letters; a letter is the answer. */
function lettered(before: string, answers: readonly string[], right: number): ChoiceExample {
  const list = answers.map((answer, i) => `${letters[i]}. ${answer}\n`).join('')
  const prompt = `${before}\n${list}Answer:`
  return { asks: answers.map((_, i) => ({ prompt, answer: letters[i] as string })), gold: [right] }
}

export const mmlu: ChoiceTask = {
  kind: 'choices',
  name: 'mmlu',
  title: 'MMLU',
  shots: 5,
  description: (subject) => `The following are multiple choice questions (with answers) about ${subject}.\n\n`,
  read(row) {
    const answer =
      typeof row.get('answer') === 'string' ? row.word('answer', letters.slice(0, 4)) : row.index('answer', 4)
    return {
      group: row.text('subject').replaceAll('_', ' '),
      ...lettered(row.text('question').trim(), row.texts('choices', 4), answer),
    }
  },
  grade: acc,
}

export const medqa: ChoiceTask = {
  kind: 'choices',
  name: 'medqa',
  aliases: ['medqa_4options'],
  title: 'MedQA',
  shots: 2,
  read(row) {
    const [question, answers, right] = row.has('options') ? originalMedqa(row) : flatMedqa(row)
    return lettered(`Question: ${question}`, answers, right)
  },
  grade: accNorm,
}

function originalMedqa(row: Row): [string, string[], number] {
  const options = row.object('options')
  const four = letters.slice(0, 4)
  return [row.text('question'), four.map((letter) => options.text(letter)), row.word('answer_idx', four)]
}

function flatMedqa(row: Row): [string, string[], number] {
  return [row.text('sent1'), [0, 1, 2, 3].map((i) => row.text(`ending${i}`)), row.index('label', 4)]
}

export const commonsenseQa: ChoiceTask = {
  kind: 'choices',
  name: 'commonsense_qa',
  aliases: ['csqa'],
  title: 'CommonsenseQA',
  shots: 10,
  read(row) {
    const { question, texts, right } = labelled(row, 'question', 5)
    return lettered(`Question: ${question.trim()}`, texts, right)
  },
  grade: acc,
}
