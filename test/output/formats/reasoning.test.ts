import t from 'tap'
import { HarmonyStage } from '#lib/output/formats/harmony-stage.js'
import { opensReasoning, reasoningFormats, reasoningIn } from '#lib/output/formats/reasoning.js'
import { ReasoningStage } from '#lib/output/formats/reasoning-stage.js'
import type { Stage } from '#lib/output/stage.js'
import { cuts, type Said, said } from './cuts.js'

interface Case {
  name: keyof typeof reasoningFormats | 'harmony'
  text: string
  inside?: boolean
  special?: string[]
  parts: Said['parts']
}

const harmony = ['<|start|>', '<|channel|>', '<|constrain|>', '<|message|>', '<|end|>', '<|call|>', '<|return|>']

const cases: Case[] = [
  {
    name: 'think',
    text: '<think>\nOne < two.\n\nSo </thin.\n</think>\n\nYes <think>.\n',
    parts: [
      ['reasoning', 'One < two.\n\nSo </thin.'],
      ['text', 'Yes <think>.\n'],
    ],
  },
  {
    name: 'think',
    text: 'Hm.\n</think>\n\nYes.',
    inside: true,
    parts: [
      ['reasoning', 'Hm.'],
      ['text', 'Yes.'],
    ],
  },
  { name: 'think', text: '<think>\n\n</think>\n\nYes.', parts: [['text', 'Yes.']] },
  {
    name: 'think',
    text: 'No thoughts < here, <thinking> about it \n',
    parts: [['text', 'No thoughts < here, <thinking> about it \n']],
  },
  { name: 'think', text: '<think>cut off in the mid', parts: [['reasoning', 'cut off in the mid']] },
  {
    name: 'think',
    // The letters of a special token are text.
    text: '<think>a [think] b</think>c',
    special: ['<think>', '</think>'],
    parts: [
      ['reasoning', 'a [think] b'],
      ['text', 'c'],
    ],
  },
  {
    name: 'mistral',
    text: '[THINK]Hm.[/THINK]Yes.',
    special: ['[THINK]', '[/THINK]'],
    parts: [
      ['reasoning', 'Hm.'],
      ['text', 'Yes.'],
    ],
  },
  {
    name: 'granite',
    text: '<think>Hm.</think><response>Yes.</response>',
    parts: [
      ['reasoning', 'Hm.'],
      ['text', 'Yes.'],
    ],
  },
  {
    name: 'gemma',
    text: '<|channel>thought\nHm.\n<channel|>Yes.',
    special: ['<|channel>', '<channel|>'],
    parts: [
      ['reasoning', 'Hm.'],
      ['text', 'Yes.'],
    ],
  },
  {
    name: 'gemma',
    text: '<|channel>though<channel|>Yes.',
    special: ['<|channel>', '<channel|>'],
    parts: [
      ['reasoning', 'though'],
      ['text', 'Yes.'],
    ],
  },
  {
    name: 'harmony',
    text: '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>',
    special: harmony,
    parts: [
      ['reasoning', 'Hm.'],
      ['text', 'Yes.'],
    ],
  },
  {
    name: 'harmony',
    text:
      '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.weather ' +
      '<|constrain|>json<|message|>{"city": "Rome"}<|call|>',
    special: harmony,
    parts: [
      ['reasoning', 'Hm.'],
      ['call', 'weather', '{"city": "Rome"}'],
    ],
  },
  {
    name: 'harmony',
    text: ' to=functions.a<|channel|>commentary json<|message|>{}',
    special: harmony,
    parts: [['call', 'a', '{}']],
  },
  { name: 'harmony', text: 'No header.', special: harmony, parts: [['text', 'No header.']] },
  { name: 'harmony', text: 'goes on', special: harmony, inside: true, parts: [['text', 'goes on']] },
]

t.test('reasoning, answer and calls come apart alike wherever the text is cut', (t) => {
  for (const { name, text, special = [], inside = false, parts } of cases) {
    const isSpecial = (marker: string) => special.includes(marker)
    const stage = (): Stage =>
      name === 'harmony'
        ? new HarmonyStage({ inside, isSpecial })
        : new ReasoningStage(reasoningFormats[name], { inside, isSpecial })
    for (const pieces of cuts(text, special)) {
      t.same(said(pieces, [stage()], special).parts, parts, JSON.stringify(pieces))
    }
  }
  t.end()
})

t.test('a marker that is a special token is not found in plain text', (t) => {
  const stage = new ReasoningStage(reasoningFormats.think, { inside: false, isSpecial: () => true })
  t.same(said(['<thi', 'nk>a'], [stage]).parts, [['text', '<think>a']])
  t.end()
})

t.test('an answer begins inside the reasoning when the prompt opened it', (t) => {
  const { think } = reasoningFormats
  t.ok(opensReasoning(think, '<|user|>Hi<|assistant|><think>\n'))
  t.notOk(opensReasoning(think, '<|user|>Hi<|assistant|><think>\n\n</think>\n\n'))
  t.notOk(opensReasoning(think, '<|user|>What is <think>?<|end|><|assistant|>'))
  t.ok(opensReasoning(think, '<|assistant|><think>I am', '<think>I am'))
  t.notOk(opensReasoning(think, '<|assistant|>I am', 'I am'))
  t.end()
})

t.test('the format is found by what the chat template knows', (t) => {
  t.equal(reasoningIn("{{ '<|start|>assistant<|channel|>final<|message|>' }}"), 'harmony')
  t.equal(reasoningIn("{{ '<|channel>thought\\n<channel|>' }}"), 'gemma')
  t.equal(reasoningIn("{{ '[THINK]' }}"), 'mistral')
  t.equal(reasoningIn("{{ 'Write <think></think> and <response></response>' }}"), 'granite')
  t.equal(reasoningIn("{% if '</think>' in content %}"), 'think')
  t.equal(reasoningIn("{{ '<|assistant|>' }}"), 'none')
  t.end()
})
