import { resolveLogprobs } from '../options/logprobs.js'
import { jsonSchemaOf, type ResponseFormat } from '../options/response-format.js'
import type { SentOptions } from '../options/shared.js'
import { checkTools } from '../options/tools.js'

/** The fields of a request that say an option. @throws TypeError for a value that cannot be said, in words that follow the option's name */
export type Write<Name extends keyof SentOptions> = (
  value: Exclude<SentOptions[Name], undefined>,
) => Readonly<Record<string, unknown>>

/** The options that a kind of server takes. */
export type Fields = { readonly [Name in keyof SentOptions]?: Write<Name> }

const as =
  (field: string) =>
  (value: unknown): Readonly<Record<string, unknown>> => ({ [field]: value })

/** All that OpenAI's API has of them. */
export const openaiFields = {
  maxNewTokens: as('max_tokens'),
  numReturnSequences: as('n'),
  temperature: as('temperature'),
  topP: as('top_p'),
  stop: as('stop'),
  seed: as('seed'),
  presencePenalty: as('presence_penalty'),
  frequencyPenalty: as('frequency_penalty'),
  logitBias: (bias) => ({ logit_bias: byToken(bias) }),
  logprobs: (logprobs) => {
    const top = resolveLogprobs({ logprobs }).logprobs
    return top < 0 ? {} : { logprobs: true, ...(top > 0 && { top_logprobs: top }) }
  },
  tools: (tools) => ({ tools: checkTools(tools) }),
  toolChoice: (choice) => ({
    tool_choice: typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } },
  }),
  parallelToolCalls: as('parallel_tool_calls'),
  responseFormat: (format) => ({ response_format: jsonFormat(format) }),
  reasoning: effort,
} as const satisfies Fields

/** What vLLM has beside it, and others after it. */
export const vllmFields = {
  // 0 keeps all tokens here, -1 there.
  topK: (topK) => ({ top_k: topK === 0 ? -1 : topK }),
  minP: as('min_p'),
  repetitionPenalty: as('repetition_penalty'),
  minNewTokens: as('min_tokens'),
  stopTokenIds: as('stop_token_ids'),
  ignoreEos: as('ignore_eos'),
  skipSpecialTokens: as('skip_special_tokens'),
  addGenerationPrompt: as('add_generation_prompt'),
  // A message that is continued is followed by no new one.
  continueFinalMessage: (continues) => ({
    continue_final_message: continues,
    ...(continues && { add_generation_prompt: false }),
  }),
  chatTemplateKwargs: as('chat_template_kwargs'),
} as const satisfies Fields

/** Options by the fields of our own server, which its messages name. */
export const optionNames: ReadonlyMap<string, string> = new Map([
  ['max_tokens', 'maxNewTokens'],
  ['n', 'numReturnSequences'],
  ['top_p', 'topP'],
  ['top_k', 'topK'],
  ['min_p', 'minP'],
  ['presence_penalty', 'presencePenalty'],
  ['frequency_penalty', 'frequencyPenalty'],
  ['repetition_penalty', 'repetitionPenalty'],
  ['logit_bias', 'logitBias'],
  ['top_logprobs', 'logprobs'],
  ['min_tokens', 'minNewTokens'],
  ['stop_token_ids', 'stopTokenIds'],
  ['ignore_eos', 'ignoreEos'],
  ['skip_special_tokens', 'skipSpecialTokens'],
  ['tool_choice', 'toolChoice'],
  ['parallel_tool_calls', 'parallelToolCalls'],
  ['response_format', 'responseFormat'],
  ['reasoning_effort', 'reasoning'],
  ['add_generation_prompt', 'addGenerationPrompt'],
  ['continue_final_message', 'continueFinalMessage'],
  ['chat_template_kwargs', 'chatTemplateKwargs'],
])

function byToken(bias: Exclude<SentOptions['logitBias'], undefined>): Record<string, number> {
  const pairs = Array.isArray(bias) ? (bias as readonly (readonly [unknown, number])[]) : Object.entries(bias)
  return Object.fromEntries(
    pairs.map(([token, value]) => {
      if (typeof token === 'string' ? /^\d+$/.test(token) && !Array.isArray(bias) : typeof token === 'number')
        return [String(token), value]
      throw new TypeError('for texts and sequences of tokens: give single token ids')
    }),
  )
}

function jsonFormat(format: ResponseFormat): object {
  if ('whitespace' in format && format.whitespace !== undefined) throw new TypeError('with whitespace')
  switch (format.type) {
    case 'json':
      return { type: 'json_object' }
    case 'json_schema':
      return { type: 'json_schema', json_schema: { name: 'answer', schema: jsonSchemaOf(format.schema), strict: true } }
    default:
      throw new TypeError(`of type '${format.type}': 'json' and 'json_schema' can`)
  }
}

function effort(reasoning: Exclude<SentOptions['reasoning'], undefined>): Readonly<Record<string, unknown>> {
  if (typeof reasoning === 'object') throw new TypeError('with a budget: a level or off can')
  if (reasoning === 'auto') return {}
  return { reasoning_effort: reasoning === 'off' ? 'none' : reasoning }
}
