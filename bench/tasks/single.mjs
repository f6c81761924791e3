// @ts-check
import { EventLoopDelay } from '../event-loop-delay.mjs'
import { promptIds, timed, warmupTokens } from '../request.mjs'
import { requestTimes } from '../statistics.mjs'

/**
 * Requests one after the other; the first one warms up.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ prompts: number[], newTokens: number }} task `prompts`: the tokens of each request's prompt
 */
export async function run(opened, { prompts, newTokens }) {
  const delay = new EventLoopDelay()
  const measured = []
  for (const [number, prompt] of prompts.entries()) {
    const first = number === 0
    if (!first) delay.start()
    const { start, arrivals } = await timed(
      opened,
      promptIds(prompt, number),
      first ? Math.min(warmupTokens, newTokens) : newTokens,
    )
    delay.stop()
    measured.push(requestTimes(start, arrivals))
  }
  return { requests: measured, loop: delay.milliseconds }
}
