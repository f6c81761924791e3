import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { cacheRoot } from '#lib/cache/root.js'
import { toolHistory } from '#lib/generation/tool-history.js'
import type { GenerationOptions } from '#lib/options/generation.js'
import { reasoningIn } from '#lib/output/formats/reasoning.js'
import { callsIn } from '#lib/output/formats/tool-calls.js'
import type { ChatMessage } from '#lib/text/template/messages.js'
import { skipWithoutGrammars } from '../llm/constrained.js'
import { scriptedChat, templateEncoder } from './scripted-chat.js'

// The families' own templates. Those whose licence lets us are in test/fixtures/templates; the others are read from the cache, where
// test/fixtures/make/11_templates.sh puts them.

interface Model {
  /** Its template. */
  file: string
  family: ReturnType<typeof callsIn>
  reasoning: ReturnType<typeof reasoningIn>
  /** Its marks that are special tokens. */
  special?: string[]
  /** Behind an answer. */
  end: string
  /** What the prompt opens and closes at once, and earlier turns do not have. */
  closed?: string
  /** What the model writes before its calls: reasoning, and the text of it. */
  thinks?: [written: string, text: string]
  /** Whether the template shows one call a message. */
  single?: boolean
}

const think: Model['thinks'] = ['<think>\nHm. <b>\n</think>\n\n', 'Hm. <b>']
const mistral = ['[TOOL_CALLS]', '[ARGS]', '[CALL_ID]', '[THINK]', '[/THINK]']
const lfm2 = ['<|tool_call_start|>', '<|tool_call_end|>', '<|im_end|>']
const models: Model[] = [
  { file: 'qwen2.5', family: 'hermes', reasoning: 'none', end: '<|im_end|>' },
  { file: 'qwen3', family: 'hermes', reasoning: 'think', end: '<|im_end|>', thinks: think },
  { file: 'granite-4', family: 'hermes', reasoning: 'none', end: '<|end_of_text|>' },
  { file: 'qwen3-coder', family: 'qwen3-coder', reasoning: 'none', end: '<|im_end|>' },
  {
    file: 'qwen3.5',
    family: 'qwen3-coder',
    reasoning: 'think',
    end: '<|im_end|>',
    thinks: ['Hm.\n</think>\n\n', 'Hm.'],
  },
  { file: 'mistral-nemo', family: 'mistral', reasoning: 'none', special: ['[TOOL_CALLS]'], end: '</s>' },
  { file: 'mistral-small-3.2', family: 'mistral', reasoning: 'none', special: mistral, end: '</s>' },
  {
    file: 'ministral-3-reasoning',
    family: 'mistral',
    reasoning: 'mistral',
    special: mistral,
    end: '</s>',
    thinks: ['[THINK]Hm.[/THINK]', 'Hm.'],
  },
  {
    file: 'phi-4-mini',
    family: 'phi4-mini',
    reasoning: 'none',
    special: ['<|tool_call|>', '<|/tool_call|>'],
    end: '<|end|>',
  },
  {
    file: 'granite-3.3',
    family: 'granite',
    reasoning: 'granite',
    special: ['<|tool_call|>'],
    end: '<|end_of_text|>',
    thinks: ['<think>Hm.</think>\n', 'Hm.'],
  },
  {
    file: 'gpt-oss',
    family: 'harmony',
    reasoning: 'harmony',
    special: ['<|start|>', '<|channel|>', '<|constrain|>', '<|message|>', '<|end|>', '<|call|>'],
    end: '<|call|>',
    thinks: ['<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant', 'Hm.'],
    single: true,
  },
  {
    file: 'gemma-4',
    family: 'gemma',
    reasoning: 'gemma',
    special: ['<|tool_call>', '<tool_call|>', '<|"|>', '<|channel>', '<channel|>', '<|tool_response>'],
    end: '<|tool_response>',
    closed: '<|channel>thought\n<channel|>',
    thinks: ['<|channel>thought\nHm.<channel|>', 'Hm.'],
  },
  {
    file: 'deepseek-r1',
    family: undefined,
    reasoning: 'think',
    end: '<｜end▁of▁sentence｜>',
    thinks: ['Hm.\n</think>\n\n', 'Hm.'],
  },
  // Of licences that forbid some use, or that demand more than a notice.
  {
    file: 'llama-3.1',
    family: 'llama3',
    reasoning: 'none',
    special: ['<|python_tag|>'],
    end: '<|eot_id|>',
    single: true,
  },
  {
    file: 'llama-3.2',
    family: 'llama3',
    reasoning: 'none',
    special: ['<|python_tag|>'],
    end: '<|eot_id|>',
    single: true,
  },
  { file: 'hermes-3', family: 'hermes', reasoning: 'none', end: '<|im_end|>' },
  { file: 'lfm2', family: 'lfm2', reasoning: 'none', special: lfm2, end: '<|im_end|>' },
  { file: 'lfm2.5', family: 'lfm2', reasoning: 'think', special: lfm2, end: '<|im_end|>', thinks: think },
  { file: 'lfm2.5-instruct', family: 'lfm2', reasoning: 'think', special: lfm2, end: '<|im_end|>', thinks: think },
  { file: 'phi-4-reasoning', family: undefined, reasoning: 'think', end: '<|im_end|>', thinks: think },
]

const parameters = {
  type: 'object',
  properties: {
    city: { type: 'string', description: 'A city' },
    days: { type: 'integer' },
    rates: { type: 'array', items: { type: ['number', 'null'] } },
    until: { type: 'object', properties: { on: { type: 'boolean' }, 'x-y': { type: 'string' } } },
  },
}
const tools = [
  { name: 'weather', description: 'Tells', parameters },
  { name: 'now', description: 'Tells too', parameters: { type: 'object', properties: {} } },
]
const calls = [
  {
    name: 'weather',
    arguments: { city: 'Rome, {x} [y] – "z"', days: 2, rates: [1.5, 2], until: { on: true, 'x-y': '' } },
  },
  { name: 'now', arguments: {} },
]
const question: ChatMessage = { role: 'user', content: 'How is the weather?' }

function pathOf(file: string): string | undefined {
  const name = `${file}.jinja`
  return [join('test/fixtures/templates', name), join(cacheRoot(), 'chat-templates', name)].find((path) =>
    existsSync(path),
  )
}

/** What the model sees of messages. */
function rendered(template: string, end: string, messages: ChatMessage[], options: GenerationOptions = {}): string {
  const { tools: given, ...rest } = options
  const history = toolHistory(template, messages, options)
  const wrapped = given?.map((tool) => ({ type: 'function' as const, function: tool as (typeof tools)[number] }))
  return templateEncoder(template, end).encodeChat(history, { ...rest, ...(wrapped && { tools: wrapped }) }).text
}

/** A token a character, and one a mark. */
const piecesOf = (text: string, special: readonly string[]): string[] => {
  const marks = special.map((mark) => mark.replace(/[|[\]/]/g, '\\$&'))
  return text.match(new RegExp([...marks, '[^]'].join('|'), 'gu')) ?? []
}

for (const { file, family, reasoning, special = [], end, closed = '', thinks, single = false } of models) {
  const path = pathOf(file)
  t.test(file, { skip: path === undefined && `${file}.jinja is not in the cache` }, async (t) => {
    const template = readFileSync(path as string, 'utf8')
    const see = (messages: ChatMessage[], options?: GenerationOptions) => rendered(template, end, messages, options)
    t.equal(callsIn(template), family)
    t.equal(reasoningIn(template), reasoning)

    const chat = (answer: string, options: GenerationOptions, canConstrain = skipWithoutGrammars === false) => {
      const pieces = [...piecesOf(answer, special), ...(special.includes(end) ? [end] : ['<end>'])]
      return scriptedChat({
        template,
        messages: [question],
        answer: pieces,
        special: [...special, '<end>'],
        eos: end,
        options,
        canConstrain,
      })
    }

    if (thinks) {
      const { stream, close } = await chat(
        `${thinks[0]}${family === 'harmony' ? '<|channel|>final<|message|>' : ''}Fine.`,
        {},
      )
      const result = await stream.result.finally(close)
      t.match(result, { text: 'Fine.', reasoningText: thinks[1] })
      t.ok(result.usage.reasoningTokens > 0)
    }

    if (family !== undefined) {
      const prompt = see([question], { tools })
      t.match(prompt, 'weather')
      t.match(prompt, 'Tells')
      // What the template writes of a call is what the model writes.
      const wanted = single ? calls.slice(0, 1) : calls
      const called: ChatMessage = {
        role: 'assistant',
        content: '',
        tool_calls: wanted.map((call, i) => ({ id: `abcdefgh${i}`, type: 'function', function: call })),
      }
      const opened = prompt.slice(0, prompt.length - (prompt.endsWith(closed) ? closed.length : 0))
      const turn = see([question, called], { tools, addGenerationPrompt: false })
      // An opened reasoning is not one of an earlier turn.
      const begin = opened.endsWith('<think>\n') ? opened.slice(0, -'<think>\n'.length) : opened
      t.ok(turn.startsWith(begin), turn.slice(begin.length - 40))
      const behind = turn.slice(begin.length, turn.indexOf(end, begin.length))
      const written = behind.replace(/^(<think>\s*<\/think>\s*)/, '')
      for (const [before, reasoningText] of [['', ''] as const, ...(thinks ? [thinks] : [])]) {
        if (reasoningText === '' && opened.endsWith('<think>\n')) continue
        for (const toolChoice of ['auto', 'required'] as const) {
          if (toolChoice === 'required' && skipWithoutGrammars !== false) continue
          const { stream, close } = await chat(before + written, { tools, toolChoice })
          const result = await stream.result.finally(close)
          t.match(result, { text: '', reasoningText, finishReason: 'tool-calls' }, `${toolChoice}: ${before}${written}`)
          t.same(
            result.toolCalls.map(({ name, arguments: given }) => ({ name, arguments: given })),
            wanted,
            `${toolChoice}: ${before}${written}`,
          )
        }
      }
    }

    // Earlier calls and what the tools said are shown, whichever text and reasoning stand beside them.
    const results = calls.map((call, i): ChatMessage => {
      return { role: 'tool', tool_call_id: `call_${i}`, name: call.name, content: `result of ${i}` }
    })
    for (const content of ['', null, 'I look.']) {
      for (const more of [{}, { reasoning_content: 'Hm.' }]) {
        const tool_calls = calls.map((call, i) => ({ id: `call_${i}`, type: 'function', function: call }))
        const text = see([question, { role: 'assistant', content, tool_calls, ...more }, ...results], { tools })
        const shown =
          file === 'phi-4-reasoning' ? [] : ['weather', 'Rome, {x} [y]', 'now', 'result of 0', 'result of 1']
        for (const piece of shown) t.match(text, piece, `${JSON.stringify({ content, ...more })}: ${text.slice(-900)}`)
      }
    }
  })
}
