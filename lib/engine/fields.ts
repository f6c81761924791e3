import { type ErrorCode, errorCodes } from '../errors.js'
import { nativeSampling, type Sampling, samplingSteps } from '../options/sampling.js'
import {
  type Addon,
  type Boundary,
  type DeviceFeatures,
  type EngineConfig,
  type EngineEvent,
  finishReasons,
  type JobEvent,
  type Jobs,
  type Marks,
  type NativeAttentionChoice,
  type NativeComparison,
  type NativeDevice,
  type NativeEngine,
  type NativeFinishReason,
  type NativeGraph,
  type NativeInspection,
  type NativeJob,
  type NativeKernelChoice,
  type NativeMetrics,
  type NativeTimings,
  type ReadyInfo,
  type RequestParams,
  type Stage,
  stages,
  type Vocabulary,
} from './boundary.js'

/** Structures that have a name on both sides. */
interface Structures {
  DeviceFeatures: DeviceFeatures
  EngineConfig: EngineConfig
  RequestParams: RequestParams
  Grammar: RequestParams['grammar']
  Marks: Marks
  Vocabulary: Vocabulary
  ReadyInfo: ReadyInfo
  KvCache: ReadyInfo['kvCache']
  PackedWeights: ReadyInfo['packed']
  LoadTimings: ReadyInfo['timings']
  NativeKernelChoice: NativeKernelChoice
  NativeAttentionChoice: NativeAttentionChoice
  NativeTimings: NativeTimings
  NativeMetrics: NativeMetrics
  NativeGraph: NativeGraph
  NativeInspection: NativeInspection
  NativeComparison: NativeComparison
  NativeDevice: NativeDevice
}

/** Sets of names. */
interface Names {
  Stage: Stage
  FinishReason: NativeFinishReason
  ErrorCode: ErrorCode
}

/** What the addon calls a type (native/node/type_name.h), and what it is here. */
type Types = {
  string: string
  boolean: boolean
  number: number
  /** A number that the addon refuses unless it is an integer. */
  int: number
  'string[]': string[]
  'number[]': number[]
  Int32Array: Int32Array
  Uint8Array: Uint8Array
  Uint32Array: Uint32Array
  'Record<string, string>': Record<string, string>
  'Record<string, number>': Record<string, number>
  JobResult: unknown
} & Structures &
  Names & { [S in keyof Structures as `${S}[]`]: Structures[S][] }

/** What a value of type `T` may be called: an `unknown` only what nothing is known of. */
type TypeNameOf<T> = unknown extends T
  ? 'JobResult'
  : {
      [N in Exclude<keyof Types, 'JobResult'>]: [T] extends [Types[N]] ? N : [Types[N]] extends [T] ? N : never
    }[Exclude<keyof Types, 'JobResult'>]

/** A table with every field of `T`, no other, and for each a type that it can have. */
export type FieldsOf<T> = { [F in keyof T]-?: TypeNameOf<T[F]> }

type Events = EngineEvent | JobEvent

/** What the table of sampling options gives the addon. */
const samplingFields = Object.fromEntries(nativeSampling.map(({ name, type }) => [name, type])) as {
  [N in keyof Sampling]: 'int' | 'number'
}

/** TypeScript's side of the boundary: must equal the addon's `buildInfo().boundary`. */
export const boundary = {
  structures: {
    DeviceFeatures: {
      name: 'string',
      mustBePresent: 'boolean',
      propertySources: 'string[]',
      uncheckedPrefix: 'string',
      nestedProperties: 'boolean',
      builtinKernels: 'boolean',
      kvMemory: 'string',
      kvBlockTokens: 'int',
      kvTransposedKeys: 'boolean',
    },
    EngineConfig: {
      runner: 'string',
      modelPath: 'string',
      device: 'DeviceFeatures',
      properties: 'string[]',
      precisionFallback: 'string[]',
      gatherRows: 'boolean',
      ropeRegime: 'string',
      contextLength: 'int',
      prefillChunk: 'int',
      statefulChunk: 'int',
      maxSequences: 'int',
      kvTokens: 'number',
      kvBytes: 'number',
      maxPrompt: 'int',
      minResponse: 'int',
      draftModelPath: 'string',
      draftTokens: 'int',
      cpuKernel: 'string',
      cpuAttention: 'string',
      activationSpan: 'int',
      kernelChoices: 'string[]',
      packedPath: 'string',
      graphPath: 'string',
      warmup: 'Int32Array',
      script: 'Int32Array',
      scriptNumbers: 'Int32Array',
    },
    RequestParams: {
      maxNewTokens: 'int',
      stopTokenIds: 'Int32Array',
      ...samplingFields,
      numBeams: 'int',
      numBeamGroups: 'int',
      diversityPenalty: 'number',
      lengthPenalty: 'number',
      earlyStopping: 'int',
      logitBias: 'Int32Array',
      logitBiasValues: 'number[]',
      badWordsIds: 'Int32Array',
      drySequenceBreakers: 'Int32Array',
      forcedEosTokenId: 'Int32Array',
      exponentialDecayLengthPenalty: 'number[]',
      suppressTokens: 'Int32Array',
      beginSuppressTokens: 'Int32Array',
      xtcProtectedTokens: 'Int32Array',
      tokenLimit: 'int',
      absentTokens: 'Int32Array',
      priority: 'number',
      lookupNgram: 'int',
      lookupTokens: 'int',
      logprobs: 'int',
      processedLogprobs: 'boolean',
      promptLogprobs: 'int',
      promptLogprobsFrom: 'int',
      grammar: 'Grammar',
      marks: 'Marks',
    },
    Grammar: { kind: 'string', source: 'string' },
    Marks: {
      triggers: 'Int32Array',
      openers: 'Int32Array',
      freeAgain: 'boolean',
      reasoningBegin: 'Int32Array',
      reasoningEnd: 'Int32Array',
      reasoningOpen: 'boolean',
      reasoningAgain: 'boolean',
      reasoningBudget: 'int',
      reasoningClosing: 'Int32Array',
    },
    Vocabulary: { bytes: 'Uint8Array', offsets: 'Uint32Array', special: 'Uint8Array', endTokens: 'Int32Array' },
    ReadyInfo: {
      runner: 'string',
      reason: 'string',
      devices: 'string[]',
      properties: 'Record<string, string>',
      maxSequences: 'number',
      batching: 'string',
      batchingReason: 'string',
      canDraft: 'boolean',
      canFork: 'boolean',
      kvCache: 'KvCache',
      maxPrompt: 'number',
      vocabularySize: 'number',
      longRopeBorder: 'number',
      ropeRegime: 'string',
      weights: 'Record<string, number>',
      rtInfo: 'Record<string, string>',
      kernels: 'NativeKernelChoice[]',
      attention: 'NativeAttentionChoice[]',
      packed: 'PackedWeights',
      timings: 'LoadTimings',
    },
    KvCache: { tokens: 'number', bytes: 'number', blockTokens: 'number', precision: 'string' },
    PackedWeights: { bytes: 'number', file: 'string', reused: 'boolean' },
    LoadTimings: { read: 'number', pack: 'number', compile: 'number', warmup: 'number' },
    NativeAttentionChoice: { kernel: 'string', layers: 'number', reason: 'string' },
    NativeKernelChoice: {
      scheme: 'string',
      size: 'string',
      layers: 'number',
      kernel: 'string',
      ratios: 'number[]',
      spread: 'number',
      inDoubt: 'boolean',
      reason: 'string',
    },
    NativeTimings: {
      queued: 'number',
      prefill: 'number',
      decode: 'number',
      reprefill: 'number',
      cachedTokens: 'number',
      draftTokens: 'number',
      acceptedTokens: 'number',
    },
    NativeMetrics: {
      running: 'number',
      waiting: 'number',
      blocks: 'number',
      blocksUsed: 'number',
      blocksCached: 'number',
      evictions: 'number',
      steps: 'number',
      promptTokens: 'number',
      cachedTokens: 'number',
      prefixHits: 'number',
      generatedTokens: 'number',
      draftTokens: 'number',
      acceptedTokens: 'number',
      preemptions: 'number',
    },
    NativeGraph: {
      vocabularySize: 'number',
      longRopeBorder: 'number',
      weights: 'Record<string, number>',
      rtInfo: 'Record<string, string>',
    },
    NativeInspection: {
      vocabularySize: 'number',
      longRopeBorder: 'number',
      weights: 'Record<string, number>',
      rtInfo: 'Record<string, string>',
      kvValuesPerToken: 'number',
      layers: 'number',
      matmulWidth: 'number',
      packedBytes: 'number',
      inferencePrecision: 'string',
    },
    NativeComparison: {
      positions: 'number',
      agreeing: 'number',
      nearTies: 'number',
      windows: 'number[]',
      divergence: 'number',
      leftLoss: 'number',
      rightLoss: 'number',
      maxDifference: 'number',
      deviation: 'number',
    },
    NativeDevice: { name: 'string', fullName: 'string', properties: 'Record<string, string>', error: 'string' },
  } satisfies { [S in keyof Structures]: FieldsOf<Structures[S]> },
  events: {
    progress: { stage: 'Stage', done: 'number', total: 'number' },
    warning: { code: 'string', message: 'string' },
    ready: { info: 'ReadyInfo' },
    reopened: { info: 'ReadyInfo' },
    tokens: { id: 'number', tokens: 'Int32Array' },
    'beam-answer': { id: 'number', tokens: 'Int32Array', score: 'number' },
    logprobs: {
      id: 'number',
      ofPrompt: 'boolean',
      values: 'number[]',
      topTokens: 'Int32Array',
      topValues: 'number[]',
    },
    reprefill: { id: 'number', done: 'number', total: 'number' },
    finished: { id: 'number', reason: 'FinishReason', timings: 'NativeTimings' },
    failed: { id: 'number', code: 'ErrorCode', message: 'string' },
    done: { result: 'JobResult' },
    closed: {},
  } satisfies { [E in Events['type']]: FieldsOf<Omit<Extract<Events, { type: E }>, 'type'>> },
  jobArguments: {
    convert: {
      source: 'string',
      target: 'string',
      ropeFactors: 'number[]',
      ropeMagnitude: 'number',
      localRopeBase: 'number',
      unrotatedLayers: 'Int32Array',
      attentionMask: 'string',
    },
    devices: { plugin: 'string' },
    check: { modelPath: 'string', device: 'DeviceFeatures', contextLength: 'int', lengths: 'Int32Array' },
    compare: { left: 'EngineConfig', right: 'EngineConfig', tokens: 'Int32Array' },
    inspect: { modelPath: 'string', device: 'string' },
  } satisfies { [K in keyof Jobs]: FieldsOf<Jobs[K]['args']> },
  jobResults: {
    convert: 'NativeGraph',
    devices: 'NativeDevice[]',
    check: 'NativeComparison',
    compare: 'NativeComparison',
    inspect: 'NativeInspection',
  } satisfies { [K in keyof Jobs]: TypeNameOf<Jobs[K]['result']> },
  names: {
    Stage: stages,
    FinishReason: finishReasons,
    ErrorCode: Object.keys(errorCodes),
    SamplingStep: samplingSteps,
  } satisfies { [N in keyof Names]: readonly string[] } & { SamplingStep: readonly string[] },
} satisfies Boundary

/** Functions of the addon, and methods of its engines and jobs. */
export const functions = {
  addon: {
    buildInfo: true,
    atExit: true,
    threadClock: true,
    threadCpuTime: true,
    tryFileLock: true,
    Engine: true,
    Job: true,
  },
  Engine: { submit: true, vocabulary: true, cancel: true, metrics: true, close: true },
  Job: { cancel: true },
} satisfies {
  addon: Record<keyof Addon, true>
  Engine: Record<keyof NativeEngine, true>
  Job: Record<keyof NativeJob, true>
}
