// @ts-check
import { promptIds, timed } from '../request.mjs'
import { median } from '../statistics.mjs'
import { throughput } from '../throughput.mjs'

/** New tokens of a request whose first one is timed. */
const fewTokens = 2

/** @returns {Promise<number>} milliseconds */
const ownCpuTime = async () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * What a server may add to: the time to the first token of one request after the other, the pace of one stream and of several at once, and the
 * CPU time of the process that computes them.
 * @param {import('../worker.mjs').Opened} opened
 * @param {object} task
 * @param {number} task.streams
 * @param {number} task.prompt tokens
 * @param {number} task.newTokens
 * @param {number} task.singles requests whose first token is timed
 * @param {number} [task.alone] streams, one after the other; default 0
 * @param {number} task.rounds of streams at once
 */
export async function run(opened, { streams, prompt, newTokens, singles, alone = 0, rounds }) {
  const { cpuTime = ownCpuTime } = opened
  let number = 0
  const answer = (/** @type {number} */ tokens) => timed(opened, promptIds(prompt, number++), tokens)
  const together = () => Promise.all(Array.from({ length: streams }, () => answer(newTokens)))
  // Opens the connections, and has what is called often compiled.
  await together()
  const firsts = []
  for (let i = 0; i < singles; i++) firsts.push(firstOf(await answer(fewTokens)))
  const aloneRates = []
  for (let i = 0; i < alone; i++) aloneRates.push(throughput([await answer(newTokens)]).total)
  const before = await cpuTime()
  const rates = []
  const firstsTogether = []
  for (let round = 0; round < rounds; round++) {
    const answers = await together()
    rates.push(throughput(answers).total)
    firstsTogether.push(median(answers.map(firstOf)))
  }
  const cpu = ((await cpuTime()) - before) / (rounds * streams * newTokens)
  return { firsts, aloneRates, rates, firstsTogether, cpu }
}

/** Milliseconds to the first token. @param {import('../request.mjs').Run} run */
function firstOf({ start, arrivals }) {
  return (arrivals[0]?.at ?? Number.NaN) - start
}
