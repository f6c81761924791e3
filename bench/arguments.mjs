// @ts-check
import { parseArgs } from 'node:util'
import { Complaint } from '../scripts/run.mjs'
import { isFolder, modelNames } from './models.mjs'

export const usage = `npm run bench -- [mode] [--model NAME] [--pairs N | --quick] [other options]
  times openvino-llm beside its peers on the same model, greedy; without a mode: one stream, every figure
modes
  --concurrency N,N,…  so many streams at once, such as 1,2,4,8,16
  --prefix             time to first token with 1,000 shared prefix tokens, against cold
  --lookup             prompt lookup on replayed texts, against plain greedy
  --event-loop         event-loop delay while streams run; decode beside busy JavaScript; cost of a token
  --kernel             the built-in matmul kernels, against OpenVINO's in their place and the peers
  --features           what the options of sampling cost, without a model; alone of all options --json and --pairs count
  --server             the server beside the same calls in process, on a runner that sleeps and on the model, and beside
                       llama.cpp's server
  --long               prefill and decode behind 16, 512, 2,000 and 6,000 tokens
  --reading            a token of this project, against the reading of its weights by the same threads, in turn; needs
                       int4 weights in groups, no experts
  --start              the second start of a process, to its first token
  --pace               a running stream while a prompt of 2,000 tokens is computed
options
  --model NAME  ${modelNames.join(', ')} (default smollm2),
                or a model folder, beside the peers that can load it
  --prompt N    prompt tokens (default 512; modes have their own)
  --new N       new tokens, at least 2 (default 96; modes have their own)
  --pairs N     pairs of segments (default 7, the fewest that figures may be quoted from)
  --quick       2 pairs: a smoke test
  --threads N   computing threads of each side (default: physical cores)
  --engine E    auto, paged or stateful, of openvino-llm (default: its own)
  --no-peer     openvino-llm alone, installs nothing
  --markdown    prints the machine and the table of ratios, for a README
  --json        prints JSON instead of tables`

const modes = /** @type {const} */ ([
  'concurrency',
  'prefix',
  'lookup',
  'event-loop',
  'pace',
  'start',
  'long',
  'reading',
  'kernel',
  'features',
  'server',
])

/**
 * @typedef {object} Options
 * @property {'single' | typeof modes[number]} mode
 * @property {number[]} concurrency numbers of streams, ascending
 * @property {string} model
 * @property {number | undefined} prompt tokens
 * @property {number | undefined} newTokens ≥ 2: the time per token needs an interval
 * @property {number} pairs segments of each side
 * @property {number | undefined} threads undefined: as many as there are physical cores
 * @property {string | undefined} engine of openvino-llm
 * @property {boolean} peer whether the peers run as well
 * @property {'text' | 'markdown' | 'json'} format
 * @property {boolean} help
 */

/**
 * @param {string[]} args what follows the script's name
 * @returns {Options}
 * @throws {Complaint} naming the option
 */
export function parseArguments(args) {
  const values = parse(args)
  if (values.quick && values.pairs !== undefined) throw new Complaint('--quick is 2 pairs: give either it or --pairs.')
  if (values.markdown && values.json) throw new Complaint('--markdown and --json are two formats: give one of them.')
  const chosen = modes.filter((mode) => values[mode])
  if (chosen.length > 1)
    throw new Complaint(`${chosen.map((mode) => `--${mode}`).join(' and ')} are two modes: give one of them.`)
  return {
    mode: chosen[0] ?? 'single',
    concurrency: counts(values.concurrency),
    model: isFolder(values.model) ? values.model : (oneOf('--model', values.model, modelNames) ?? 'smollm2'),
    prompt: integer('--prompt', values.prompt, 1),
    newTokens: integer('--new', values.new, 2),
    pairs: integer('--pairs', values.pairs, 1) ?? (values.quick ? 2 : 7),
    threads: integer('--threads', values.threads, 1),
    engine: oneOf('--engine', values.engine, ['auto', 'paged', 'stateful']),
    peer: !values['no-peer'],
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'text',
    help: Boolean(values.help),
  }
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        concurrency: { type: 'string' },
        prefix: { type: 'boolean' },
        lookup: { type: 'boolean' },
        'event-loop': { type: 'boolean' },
        pace: { type: 'boolean' },
        start: { type: 'boolean' },
        long: { type: 'boolean' },
        reading: { type: 'boolean' },
        kernel: { type: 'boolean' },
        features: { type: 'boolean' },
        server: { type: 'boolean' },
        model: { type: 'string' },
        prompt: { type: 'string' },
        new: { type: 'string' },
        pairs: { type: 'string' },
        threads: { type: 'string' },
        engine: { type: 'string' },
        quick: { type: 'boolean' },
        'no-peer': { type: 'boolean' },
        markdown: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new Complaint(`${error instanceof Error ? error.message : error}\n${usage}`)
  }
}

/**
 * @param {string} name
 * @param {string | undefined} text
 * @param {number} least
 */
function integer(name, text, least) {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > 1_000_000) {
    throw new Complaint(`${name}: expected an integer from ${least} to 1000000, found '${text}'.`)
  }
  return value
}

/** @param {string | undefined} text */
function counts(text) {
  if (text === undefined) return []
  const values = text.split(',').map(Number)
  if (!/^\d+(,\d+)*$/.test(text) || values.some((value) => value < 1 || value > 256)) {
    throw new Complaint(`--concurrency: expected integers from 1 to 256 with commas between them, found '${text}'.`)
  }
  return [...new Set(values)].sort((a, b) => a - b)
}

/**
 * @param {string} name
 * @param {string | undefined} text
 * @param {readonly string[]} choices
 */
function oneOf(name, text, choices) {
  if (text !== undefined && !choices.includes(text)) {
    throw new Complaint(`${name}: expected ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}, found '${text}'.`)
  }
  return text
}
