import type { ServerKind } from '../options/connect.js'
import type { SentOptions } from '../options/shared.js'
import type { ChatMessage } from '../text/template/messages.js'
import { type Fields, openaiFields, vllmFields } from './fields.js'

/** How a kind of server differs from the others. */
export interface Server {
  /** In messages. */
  name: string
  /** `owned_by` of its models; undefined where that tells nothing. */
  owner?: string
  fields: Fields
  /** Options of which it cannot stream an answer rightly: such answers come whole. */
  whole: readonly (keyof SentOptions)[]
  /** Whether raw prompts may be token ids. */
  takesTokens: boolean
  /** Fields of every request, beside those that all have. */
  always: Readonly<Record<string, unknown>>
  /** What a text completion has without `maxNewTokens`, where it would else end after 16 tokens. */
  fullText?: Readonly<Record<string, unknown>>
  /** How it turns text into tokens and back; undefined where it does not. */
  tokens?: TokenEndpoint
}

/** Where tokens are asked for, and in which words. Paths are relative to the base URL. */
export interface TokenEndpoint {
  path: string
  text(text: string): object
  /** Undefined where it takes no messages. */
  messages?(messages: readonly ChatMessage[], addGenerationPrompt: boolean): object
  detokenize?: { path: string; text: string }
}

/** vLLM's, and this package's: beside the base URL's last part. */
const vllmTokens: TokenEndpoint = {
  path: '../tokenize',
  text: (prompt) => ({ prompt }),
  messages: (messages, open) => ({ messages, add_generation_prompt: open }),
  detokenize: { path: '../detokenize', text: 'prompt' },
}

/** Every difference between servers. */
export const servers: Readonly<Record<ServerKind, Server>> = {
  'openvino-llm': {
    name: 'openvino-llm',
    owner: 'openvino-llm',
    fields: { ...openaiFields, ...vllmFields, priority: (priority) => ({ priority }) },
    whole: [],
    takesTokens: true,
    always: { return_token_ids: true },
    fullText: { max_tokens: 2 ** 31 - 1 },
    tokens: vllmTokens,
  },
  // As its REST reference of chats says, 2026-08. What it streams holds the stop strings, and no log-probabilities;
  // several answers need beams.
  ovms: {
    name: 'OpenVINO Model Server',
    owner: 'OVMS',
    fields: ovmsFields(),
    whole: ['stop', 'logprobs'],
    takesTokens: false,
    always: {},
    tokens: { path: 'tokenize', text: (text) => ({ text }) },
  },
  // As its Go types of requests say, 2026-08. It ignores fields that it does not know, so none are sent. It streams one answer.
  localai: {
    name: 'LocalAI',
    fields: localaiFields(),
    whole: ['numReturnSequences'],
    takesTokens: false,
    always: {},
    tokens: {
      path: 'tokenize',
      text: (content) => ({ content }),
      detokenize: { path: 'detokenize', text: 'content' },
    },
  },
  // As its protocol classes say, 2026-08. Older ones ignore return_token_ids: tokens are then not known.
  vllm: {
    name: 'vLLM',
    owner: 'vllm',
    fields: { ...openaiFields, ...vllmFields },
    whole: [],
    takesTokens: true,
    always: { return_token_ids: true },
    tokens: vllmTokens,
  },
  openai: { name: "OpenAI's API", fields: openaiFields, whole: [], takesTokens: true, always: {} },
}

function ovmsFields(): Fields {
  const { logitBias: _, numReturnSequences: __, reasoning: ___, parallelToolCalls: ____, ...openai } = openaiFields
  const { topK, minP, repetitionPenalty, ignoreEos, skipSpecialTokens, chatTemplateKwargs } = vllmFields
  return {
    ...openai,
    topK,
    minP,
    repetitionPenalty,
    ignoreEos,
    skipSpecialTokens,
    chatTemplateKwargs,
    logprobs: (logprobs) => {
      if (typeof logprobs === 'number' && logprobs > 0) throw new TypeError('of other tokens: true can')
      return openaiFields.logprobs(logprobs)
    },
  }
}

function localaiFields(): Fields {
  const { parallelToolCalls: _, ...openai } = openaiFields
  const { minP, ignoreEos } = vllmFields
  return {
    ...openai,
    minP,
    ignoreEos,
    topK: (topK) => ({ top_k: topK }),
    typicalP: (typicalP) => ({ typical_p: typicalP }),
    repetitionPenalty: (penalty) => ({ repeat_penalty: penalty }),
  }
}
