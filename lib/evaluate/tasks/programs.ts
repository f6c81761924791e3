import type { AnswerTask } from '../task.js'

// Nothing here runs what a model wrote: the answers are written out for a checker that does, behind walls of its own.

export const humaneval: AnswerTask = {
  kind: 'answers',
  name: 'humaneval',
  title: 'HumanEval',
  shots: 0,
  delimiter: '',
  stop: ['\nclass', '\ndef', '\n#', '\nif', '\nprint'],
  maxNewTokens: 1024,
  read: (row) => ({
    id: row.text('task_id'),
    prompt: row.text('prompt'),
    shot: row.text('canonical_solution'),
    references: [],
  }),
}

export const mbpp: AnswerTask = {
  kind: 'answers',
  name: 'mbpp',
  title: 'MBPP',
  shots: 3,
  delimiter: '',
  stop: ['[DONE]'],
  maxNewTokens: 256,
  read(row) {
    const tests = row.texts('test_list', 3, 64).slice(0, 3).join('\n')
    const task = `${row.text('text')} Your code should pass these tests:\n\n${tests}`
    return {
      id: String(row.index('task_id', 2 ** 31)),
      prompt: `You are an expert Python programmer, and here is your task: ${task}\n[BEGIN]\n`,
      shot: `${row.text('code')}\n[DONE]`,
      references: [],
    }
  },
}
