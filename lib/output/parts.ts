import type { TokenLogprob } from './logprobs.js'

/** What every part has. */
interface Part {
  /** Of the request. */
  requestId: string
  /** Which answer of the request, from 0. */
  index: number
  /** Text of the answer; '' on all parts but those of the type `text`. */
  text: string
  /** The tokens since the part before; all parts' tokens together are the answer's. */
  tokens: number[]
  /** With the option `logprobs`: one for each of `tokens`. */
  logprobs?: TokenLogprob[]
}

/** A piece of the answer's text, as it comes. */
export interface TextPart extends Part {
  type: 'text'
}

/** A piece of what the model thinks before it answers. */
export interface ReasoningPart extends Part {
  type: 'reasoning'
  text: ''
  reasoningText: string
}

/** The model has begun to write a tool call. */
export interface ToolCallStartPart extends Part {
  type: 'tool-call-start'
  text: ''
  id: string
  name: string
}

/** A piece of a tool call's arguments. Those of one call together are JSON. */
export interface ToolCallDeltaPart extends Part {
  type: 'tool-call-delta'
  text: ''
  id: string
  argumentsText: string
}

/** A tool call that is complete. Whoever asked calls the tool. */
export interface ToolCallPart extends Part, ToolCall {
  type: 'tool-call'
  text: ''
}

/** With `responseFormat` of JSON: the value as far as its text has come. Follows each part of text, and has no tokens. */
export interface ObjectPart extends Part {
  type: 'object'
  text: ''
  /** A string may be cut, and what is missing may come. */
  object: unknown
}

/** What a model wants to be called. */
export interface ToolCall {
  /** Unique in the process. The message with the tool's result names it as `tool_call_id`. */
  id: string
  name: string
  arguments: Record<string, unknown>
}

/** A part of a stream: look at `type`. */
export type StreamPart = TextPart | ReasoningPart | ObjectPart | ToolCallStartPart | ToolCallDeltaPart | ToolCallPart

type Without<Union, Field extends PropertyKey> = Union extends unknown ? Omit<Union, Field> : never

/** A part before the stream says whose it is. */
export type AnswerPart = Without<StreamPart, 'requestId'>

/** What a part says, before it is known which tokens said it. */
export type PartContent = Without<AnswerPart, 'index' | 'tokens' | 'logprobs'>
