// @ts-check
import { promptIds, timed } from '../request.mjs'
import { throughput } from '../throughput.mjs'

/** New tokens of a request whose first one is timed. */
const fewTokens = 2

/** @returns {Promise<number>} milliseconds */
const ownCpuTime = async () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * What a server may add to: the time to the first token of one request after the other, the pace of several at once, and the CPU time of
 * the process that computes them.
 * @param {import('../worker.mjs').Opened} opened
 * @param {{ streams: number, prompt: number, newTokens: number, singles: number, rounds: number }} task
 */
export async function run(opened, { streams, prompt, newTokens, singles, rounds }) {
  const { cpuTime = ownCpuTime } = opened
  let number = 0
  const answer = (/** @type {number} */ tokens) => timed(opened, promptIds(prompt, number++), tokens)
  const together = () => Promise.all(Array.from({ length: streams }, () => answer(newTokens)))
  // Opens the connections, and has what is called often compiled.
  await together()
  const firsts = []
  for (let i = 0; i < singles; i++) {
    const { start, arrivals } = await answer(fewTokens)
    firsts.push((arrivals[0]?.at ?? Number.NaN) - start)
  }
  const before = await cpuTime()
  const rates = []
  for (let round = 0; round < rounds; round++) rates.push(throughput(await together()).total)
  const cpu = ((await cpuTime()) - before) / (rounds * streams * newTokens)
  return { firsts, rates, cpu }
}
