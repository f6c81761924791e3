import { type LoadOptions, loadTable } from './load.js'
import * as check from './rules.js'
import { defaultsOf, type Table } from './table.js'

/** Options of {@link estimate}; those that it shares with loading mean the same. */
export interface EstimateOptions
  extends Pick<
    LoadOptions,
    | 'device'
    | 'contextLength'
    | 'ovConfig'
    | 'precision'
    | 'kvCachePrecision'
    | 'cpuKernel'
    | 'draftModel'
    | 'revision'
    | 'offline'
    | 'signal'
    | 'onProgress'
  > {
  /** Requests of full context length that are computed at once, 1 to 1024. Default 1. */
  concurrency?: number | undefined
}

const {
  device,
  contextLength,
  ovConfig,
  precision,
  kvCachePrecision,
  cpuKernel,
  draftModel,
  revision,
  offline,
  signal,
  onProgress,
} = loadTable

/** The options of an estimate. */
export const estimateTable = {
  device,
  contextLength,
  ovConfig,
  precision,
  kvCachePrecision,
  cpuKernel,
  draftModel,
  revision,
  offline,
  signal,
  onProgress,
  concurrency: {
    ...check.integer(1, 1024),
    default: 1,
    flag: { value: '<n>', help: 'requests of full context at once', showDefault: true },
  },
} as const satisfies Table<EstimateOptions>

export const estimateDefaults = defaultsOf(estimateTable)
