import { exactMatch, extract } from '../metrics.js'
import type { AnswerTask } from '../task.js'

const strict = /The answer is (-?[0-9.,]+)./g
const numbersAlike = { ignore: [/,/g, /\$/g, /.*#### /gs, /\.$/g], ignoreCase: true }

export const gsm8k: AnswerTask = {
  kind: 'answers',
  name: 'gsm8k',
  aliases: ['gsm8k_cot'],
  title: 'GSM8K CoT',
  shots: 8,
  delimiter: ' ',
  stop: ['Q:', '</s>', '<|im_end|>'],
  maxNewTokens: 256,
  read(row) {
    const prompt = `Q: ${row.text('question')}\nA:`
    // A row that is written for shots has the whole answer in words.
    if (row.has('target')) {
      const shot = row.text('target')
      return { prompt, shot, references: [extract(shot, strict)] }
    }
    const [reasons = '', result, ...more] = row.text('answer').split('####')
    if (result === undefined || result.trim() === '' || more.length > 0) {
      throw row.invalid('answer', 'text that ends with "#### " and the result')
    }
    // <<48/2=24>> are notes for a calculator.
    const words = reasons.replaceAll(/<<.*?>>/g, '').trim()
    return { prompt, shot: `${words}\nThe answer is ${result.trim()}.`, references: [result.trim()] }
  },
  grade: (text, references) => ({
    exact_match: exactMatch(extract(text, strict), references, numbersAlike),
    flexible: exactMatch(extract(text, /(-?[$0-9.,]{2,})|(-?[0-9]+)/g, -1), references, numbersAlike),
  }),
}

const afterReasons = /(?<=the answer is )(.*)(?=.)/g

export const bbh: AnswerTask = {
  kind: 'answers',
  name: 'bbh',
  aliases: ['bigbench_hard', 'bbh_cot_fewshot'],
  title: 'BigBench-Hard CoT',
  shots: 3,
  delimiter: '',
  stop: ['</s>', 'Q', '\n\n'],
  maxNewTokens: 1024,
  read(row) {
    const target = row.text('target')
    // The rows of the questions have the bare answer, which would teach the model not to think.
    const explains = target.includes('the answer is ')
    return {
      prompt: `Q: ${row.text('input')}\nA: Let's think step by step.\n`,
      shot: explains ? target : undefined,
      references: [explains ? extract(target, afterReasons) : target],
    }
  },
  grade: (text, references) => ({
    exact_match: exactMatch(extract(text, afterReasons), references),
  }),
}

export const triviaqa: AnswerTask = {
  kind: 'answers',
  name: 'triviaqa',
  title: 'TriviaQA',
  shots: 5,
  delimiter: ' ',
  stop: ['\n', '.', ','],
  maxNewTokens: 256,
  read(row) {
    const aliases = row.object('answer').texts('aliases', 1, 4096)
    return { prompt: `Question: ${row.text('question')}?\nAnswer:`, shot: aliases[0], references: aliases }
  },
  grade: (text, references) => ({
    exact_match: exactMatch(text.trim(), references, { ignoreCase: true, ignorePunctuation: true }),
  }),
}
