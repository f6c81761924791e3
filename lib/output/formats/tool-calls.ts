import { randomInt } from 'node:crypto'
import type { ToolCallParser } from '../../options/tools.js'
import {
  bareObjects,
  type CallGrammar,
  harmonyCall,
  listedObjects,
  markedObjects,
  mistralCalls,
} from './call-grammar.js'
import type { CallReader, KnownTool } from './call-reader.js'
import { pythonCalls, xmlCalls } from './flat-calls.js'
import { GemmaCalls } from './gemma-calls.js'
import { gemmaCalls } from './gemma-grammar.js'
import { JsonCalls } from './json-calls.js'
import { MistralCalls } from './mistral-calls.js'
import { PythonCalls } from './python-calls.js'
import { isHarmony } from './reasoning.js'
import { type WriteCalls, writeBare, writeListed, writeMarked, writePython } from './written-calls.js'
import { XmlCalls } from './xml-calls.js'

/** How a family of models writes tool calls. */
export interface CallFormat {
  /** Whether a chat template is one of such a model. */
  isIn(template: string): boolean
  /** What stands before calls; the first one is the usual one. */
  begin: readonly string[]
  /** What stands behind them. */
  end?: string
  /** Whether an answer that is nothing but a call of a known tool needs no mark. */
  bare?: boolean
  /** Reads what stands between the marks. */
  reader(tools: readonly KnownTool[], begin: string): CallReader
  /** What calls must be. */
  grammar: CallGrammar
  /** Whether the family's templates show one call a message, so that a model may write no more. */
  single?: boolean
  /** Writes the calls of earlier messages where the template shows none. */
  write?: WriteCalls
  /** Ids where the family's templates want them in a form of their own. */
  callId?: { make(): string; isOne(id: string): boolean }
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

const randomName = (length: number): string => Array.from({ length }, () => letters[randomInt(letters.length)]).join('')

/** Ids as OpenAI's API gives them. */
export const newCallId = (): string => `call_${randomName(24)}`

/** The families, in the order in which they are looked for: some marks of later ones stand in templates of earlier ones. */
export const callFormats: Readonly<Record<Exclude<ToolCallParser, 'auto' | 'harmony'>, CallFormat>> = {
  gemma: {
    isIn: (template) => template.includes('<|tool_call>') || template.includes('<start_function_call>'),
    begin: ['<|tool_call>', '<start_function_call>'],
    end: '<tool_call|>',
    reader: (_, begin) => new GemmaCalls(begin === '<|tool_call>' ? '<|"|>' : '<escape>'),
    grammar: gemmaCalls,
  },
  lfm2: {
    // Templates of LFM2.5 name no mark.
    isIn: (template) => /<\|tool_(call_start|list_start)\|>|"List of tools: \["/.test(template),
    begin: ['<|tool_call_start|>'],
    end: '<|tool_call_end|>',
    reader: () => new PythonCalls(),
    grammar: pythonCalls,
    write: writePython,
  },
  'qwen3-coder': {
    isIn: (template) => ['<tool_call>', '<function=', '<parameter='].every((mark) => template.includes(mark)),
    begin: ['<tool_call>'],
    end: '</tool_call>',
    reader: (tools) => new XmlCalls(tools),
    grammar: xmlCalls,
  },
  mistral: {
    isIn: (template) => /\[(TOOL_CALLS|AVAILABLE_TOOLS)\]/.test(template),
    begin: ['[TOOL_CALLS]'],
    reader: () => new MistralCalls(),
    grammar: mistralCalls,
    write: writeListed('[TOOL_CALLS] '),
    // Mistral's templates refuse any other.
    callId: { make: () => randomName(9), isOne: (id) => /^[A-Za-z0-9]{9}$/.test(id) },
  },
  'phi4-mini': {
    isIn: (template) => template.includes('<|tool|>'),
    begin: ['<|tool_call|>', 'functools'],
    end: '<|/tool_call|>',
    reader: () => new JsonCalls(),
    grammar: listedObjects(['<|tool_call|>', 'functools'], '<|/tool_call|>'),
    write: writeListed('<|tool_call|>', '<|/tool_call|>'),
  },
  granite: {
    isIn: (template) => template.includes('<|tool_call|>'),
    begin: ['<|tool_call|>', '<tool_call>'],
    end: '</tool_call>',
    reader: () => new JsonCalls(),
    grammar: listedObjects(['<|tool_call|>', '<tool_call>']),
    write: writeListed('<|tool_call|>'),
  },
  hermes: {
    // GLM, Apriel and MiniMax have the same mark and write something else behind it.
    isIn: (template) => template.includes('<tool_call>') && !/<arg_key>|<tool_calls>|<invoke /.test(template),
    begin: ['<tool_call>'],
    end: '</tool_call>',
    reader: () => new JsonCalls(),
    grammar: markedObjects('<tool_call>', '</tool_call>'),
    write: writeMarked('<tool_call>', '</tool_call>'),
  },
  llama3: {
    // Functionary has the same marks and writes `<function=`.
    isIn: (template) =>
      template.includes('<|start_header_id|>') &&
      /<\|python_tag\|>|"parameters"/.test(template) &&
      !template.includes('<function='),
    begin: ['<|python_tag|>'],
    bare: true,
    reader: (tools) => new JsonCalls(tools),
    grammar: bareObjects('<|python_tag|>'),
    single: true,
    write: writeBare,
  },
}

/** The format that a chat template knows; undefined when it is none of these. */
export function callsIn(template: string): Exclude<ToolCallParser, 'auto'> | undefined {
  if (isHarmony(template)) return 'harmony'
  const names = Object.keys(callFormats) as (keyof typeof callFormats)[]
  return names.find((name) => callFormats[name].isIn(template))
}

/** Whether an answer has at most one call. */
export const writesOneCall = (format: Exclude<ToolCallParser, 'auto'>): boolean =>
  format === 'harmony' || callFormats[format].single === true

/** What calls in a format must be. */
export const callGrammar = (format: Exclude<ToolCallParser, 'auto'>): CallGrammar =>
  format === 'harmony' ? harmonyCall : callFormats[format].grammar
