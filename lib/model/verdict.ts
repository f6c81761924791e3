import { join } from 'node:path'
import { replaceFile } from '../cache/temporary.js'
import type { NativeCheck } from '../engine/boundary.js'
import { packageVersion } from '../version.js'
import type { CheckPlan } from './check-lengths.js'
import { JsonObject } from './json-object.js'
import { fileSize } from './model-file.js'

/** File of a model folder that keeps what checking it found. */
export const verdictFile = 'openvino_llm_check.json'

/** Sizes in bytes of the two files that were compared: another export has others. */
export interface Fingerprint {
  xml: number
  bin: number
}

/** Of the way to check. A verdict of another one is not believed: the first compared 24 and 80 tokens, whatever windows a model had. */
const checkVersion = 2

/** Whether the paged runner computes a model as the stateful one does; kept with the folder. */
export interface Verdict {
  /** Of the way to check. */
  version: number
  faithful: boolean
  /** The longest sequence that was compared, when attention changes beyond it within the context; absent when it does not. */
  faithfulUpTo?: number
  /** In words. */
  reason: string
  /** Numbers of the comparison; absent when the model cannot be paged at all. `maxDifference` is absent when it was not finite. */
  numbers?: { positions: number; agreeing: number; maxDifference?: number; deviation?: number }
  /** Tokens of each prompt that was compared; empty when the model cannot be paged at all. */
  lengths: number[]
  /** Versions that it was found with; a verdict holds for its OpenVINO alone. */
  package: string
  openvino: string
  files: Fingerprint
}

/** Of all positions, so many must have the same most likely token. */
const leastAgreement = 0.99
/** Logits may differ by this part of their standard deviation: both runners compute in f32, but in another order. */
const mostDifference = 0.02

/** What is found out; the rest says of what and with what. */
type Judged = Pick<Verdict, 'faithful' | 'faithfulUpTo' | 'reason' | 'numbers' | 'lengths'>

/** What the numbers of a check mean. */
export function judge(found: NativeCheck, { lengths, beyond }: CheckPlan): Judged {
  const { positions, agreeing, maxDifference, deviation } = found
  const agreement = positions > 0 ? agreeing / positions : 0
  const difference = maxDifference / deviation
  // Logits that are all the same have no deviation; then any difference is one too many.
  const near = maxDifference === 0 || difference <= mostDifference
  const faithful = agreement >= leastAgreement && near
  const share = Number.isFinite(difference)
    ? `${Number((100 * difference).toPrecision(2))} % of their deviation`
    : 'no number'
  const borders = beyond.map(({ name, tokens }) => `${name} ${tokens}`).join(', ')
  const longest = lengths.at(-1) ?? 0
  return {
    faithful,
    ...(faithful && beyond.length > 0 ? { faithfulUpTo: longest } : {}),
    lengths,
    reason:
      `the paged runner ${faithful ? 'computes' : 'does not compute'} what the stateful one does: the most likely token is the same at ` +
      `${agreeing} of ${positions} positions, and logits differ by at most ${maxDifference === 0 ? 'nothing' : share}; ` +
      `prompts of ${lengths.join(', ')} tokens were compared${beyond.length > 0 ? `, none beyond ${borders}` : ''}`,
    numbers: {
      positions,
      agreeing,
      ...(Number.isFinite(maxDifference) ? { maxDifference } : {}),
      ...(Number.isFinite(deviation) ? { deviation } : {}),
    },
  }
}

/** The verdict of a definition if it was found with this OpenVINO, in this way. */
export function verdictFor({ verdict }: { verdict: Verdict | undefined }, openvino: string): Verdict | undefined {
  return verdict?.openvino === openvino && verdict.version === checkVersion ? verdict : undefined
}

/**
 * Reads what was stored with a folder; undefined when there is nothing, or when it is about other files.
 * @throws LLMError ERR_MODEL_INVALID when the file is damaged
 */
export async function readVerdict(folder: string): Promise<Verdict | undefined> {
  const json = await JsonObject.read(join(folder, verdictFile))
  if (!json) return undefined
  const required = <T>(value: T | undefined, name: string, expected: string): T => {
    if (value === undefined) throw json.invalid(name, expected)
    return value
  }
  const files = required(json.object('files'), 'files', 'an object')
  const found = await fingerprint(folder)
  if (files.integer('xml', 0) !== found.xml || files.integer('bin', 0) !== found.bin) return undefined
  const numbers = json.object('numbers')
  const optional = (name: 'maxDifference' | 'deviation') => {
    const value = numbers?.number(name)
    return value === undefined ? {} : { [name]: value }
  }
  const upTo = json.integer('faithfulUpTo', 1)
  return {
    version: json.integer('version', 1) ?? 1, // the first had no such field
    faithful: required(json.boolean('faithful'), 'faithful', 'true or false'),
    ...(upTo === undefined ? {} : { faithfulUpTo: upTo }),
    lengths: json.numbers('lengths') ?? [],
    reason: required(json.string('reason'), 'reason', 'a string'),
    ...(numbers
      ? {
          numbers: {
            positions: numbers.integer('positions', 0) ?? 0,
            agreeing: numbers.integer('agreeing', 0) ?? 0,
            ...optional('maxDifference'),
            ...optional('deviation'),
          },
        }
      : {}),
    package: json.string('package') ?? '',
    openvino: required(json.string('openvino'), 'openvino', 'a string'),
    files: found,
  }
}

/** Stores a verdict with its folder. @throws what the file system says */
export async function writeVerdict(folder: string, verdict: Verdict): Promise<void> {
  await replaceFile(join(folder, verdictFile), `${JSON.stringify(verdict, null, 2)}\n`)
}

/** A verdict on a folder as it is now. */
export async function makeVerdict(folder: string, judged: Judged, openvino: string): Promise<Verdict> {
  return { version: checkVersion, ...judged, package: packageVersion, openvino, files: await fingerprint(folder) }
}

async function fingerprint(folder: string): Promise<Fingerprint> {
  const size = async (name: string) => (await fileSize(join(folder, name))) ?? 0
  return { xml: await size('openvino_model.xml'), bin: await size('openvino_model.bin') }
}
