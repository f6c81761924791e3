import { isObject } from '../../model/json-object.js'
import { Row } from '../row.js'

/**
 * A question of ARC, OpenBookQA or CommonsenseQA, in either shape: as these were published, or with the columns that Hugging Face's
 * copies have.
 * @param name of the question in the latter
 * @param count how many answers; by default 2 to 8
 */
export function labelled(row: Row, name: string, count?: number): { question: string; texts: string[]; right: number } {
  const [least, most] = count === undefined ? [2, 8] : [count, count]
  const { question, texts, labels } = isObject(row.get('question')) ? published() : columns()
  return { question, texts, right: row.word('answerKey', labels) }

  function columns() {
    const choices = row.object('choices')
    const texts = choices.texts('text', least, most)
    return { question: row.text(name), texts, labels: choices.texts('label', texts.length) }
  }

  function published() {
    const object = row.object('question')
    const choices = object.get('choices')
    if (!Array.isArray(choices) || choices.length < least || choices.length > most || !choices.every(isObject)) {
      throw object.invalid('choices', `an array of ${least === most ? least : `${least} to ${most}`} objects`)
    }
    const rows = choices.map((choice, i) => new Row(row.where, choice, `question.choices.${i}.`))
    return {
      question: object.text('stem'),
      texts: rows.map((choice) => choice.text('text')),
      labels: rows.map((choice) => choice.text('label')),
    }
  }
}
