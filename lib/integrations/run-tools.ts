import type { GenerationResult } from '../generation/result.js'
import type { LLM } from '../llm.js'
import type { GenerationOptions } from '../options/generation.js'
import * as check from '../options/rules.js'
import type { Tool } from '../options/tools.js'
import type { ToolCall } from '../output/parts.js'
import type { ChatMessage } from '../text/template/messages.js'

/** A tool that {@link runTools} runs. */
export interface RunnableTool extends Omit<Tool, 'name'> {
  /**
   * Runs it. What it returns is given to the model: a string as it is, anything else as JSON.
   * @param given the arguments as the model wrote them: check them as you would a stranger's
   * @param context.signal aborts when nobody waits any more
   */
  execute(given: Record<string, unknown>, context: { call: ToolCall; signal: AbortSignal }): unknown
}

/** Options of {@link runTools}: those of every request, and of all together. */
export interface RunToolsOptions extends Omit<GenerationOptions, 'tools' | 'numReturnSequences'> {
  /** The tools by their names. */
  tools: Readonly<Record<string, RunnableTool>>
  /** Most requests, 1 to 1000. The tools that the last one calls are not run. Default 8. */
  maxSteps?: number | undefined
}

/** What {@link runTools} resolves to. */
export interface RunToolsResult extends GenerationResult {
  /** The messages that were given, and those that came: of the assistant and of the tools. */
  messages: ChatMessage[]
  /** The results of all requests, the last one included. */
  steps: GenerationResult[]
}

const rules = {
  tools: check.object,
  maxSteps: check.integer(1, 1000),
}

/**
 * Asks the model, runs the tools that it calls, tells it their results and asks again, until it calls none. A `toolChoice` that requires a
 * call holds for the first request.
 *
 * Rejects as `LLM.generate` does, with what a tool throws, and with `signal.reason`: tools that run then get an aborted signal.
 */
export async function runTools(
  llm: Pick<LLM, 'generate'>,
  messages: readonly ChatMessage[],
  options: RunToolsOptions,
): Promise<RunToolsResult> {
  const { tools, maxSteps = 8, ...request } = options
  check.checkOptions({ tools, maxSteps }, rules, 'runTools options')
  for (const [name, tool] of Object.entries(tools)) {
    if (typeof tool?.execute !== 'function') {
      throw new TypeError(`expected tools.${name}.execute to be a function, received ${check.describe(tool?.execute)}`)
    }
  }
  const described = Object.entries(tools).map(([name, { description, parameters, strict }]) => {
    return { name, description, parameters, strict }
  })
  const history = [...messages]
  const steps: GenerationResult[] = []
  for (;;) {
    // A call that is required is required once: with the results of the tools the model may answer.
    const choice = steps.length > 0 && forces(request.toolChoice) ? { toolChoice: 'auto' as const } : {}
    const result = await llm.generate(history, { ...request, ...choice, tools: described })
    steps.push(result)
    const { text, reasoningText, toolCalls } = result
    history.push({
      role: 'assistant',
      content: text,
      ...(reasoningText !== '' && { reasoning_content: reasoningText }),
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
    })
    if (toolCalls.length === 0 || steps.length >= maxSteps) return { ...result, messages: history, steps }
    history.push(...(await runAll(toolCalls, tools, options.signal)))
  }
}

const forces = (choice: GenerationOptions['toolChoice']): boolean => choice === 'required' || typeof choice === 'object'

/** Runs the calls at the same time. The first failure aborts the others. */
async function runAll(
  calls: readonly ToolCall[],
  tools: RunToolsOptions['tools'],
  signal: AbortSignal | undefined,
): Promise<ChatMessage[]> {
  signal?.throwIfAborted()
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const aborted = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true })
  })
  const running = calls.map(async (call): Promise<ChatMessage> => {
    const value = await runOne(call, tools, stop.signal)
    const content = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
    return { role: 'tool', tool_call_id: call.id, name: call.name, content }
  })
  try {
    return await Promise.race([aborted, Promise.all(running)])
  } catch (error) {
    stop.abort(error)
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

function runOne(call: ToolCall, tools: RunToolsOptions['tools'], signal: AbortSignal): unknown {
  const tool = Object.hasOwn(tools, call.name) ? tools[call.name] : undefined
  // The model can do better when it is told.
  if (tool === undefined) return { error: `there is no tool ${call.name}; there are ${Object.keys(tools).join(', ')}` }
  return tool.execute(call.arguments, { call, signal })
}
