// @ts-check
import { EventLoopDelay } from '../event-loop-delay.mjs'
import { promptIds, timed } from '../request.mjs'

/**
 * How late the event loop is while answers are streamed.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ streams: number, prompt: number, newTokens: number }} task
 */
export async function run(opened, { streams, prompt, newTokens }) {
  let number = 0
  const together = (/** @type {number} */ tokens) =>
    Promise.all(
      Array.from({ length: streams }, (_, stream) => timed(opened, promptIds(prompt, number++), tokens, { stream })),
    )
  await together(Math.min(4, newTokens))
  const delay = new EventLoopDelay()
  delay.start()
  await together(newTokens)
  delay.stop()
  return { loop: delay.milliseconds }
}
