import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deviceFeatures } from '#lib/devices/features.js'
import type { EngineConfig } from '#lib/engine/boundary.js'

/** The numbers that a test and the layer share, in the order of test/gpu/layer/state.h. */
const slots = [
  'buildsBegun',
  'buildsDone',
  'compiled',
  'enqueues',
  'allocations',
  'bytes',
  'failAt',
  'failAfter',
  'failCode',
  'failTimes',
  'failed',
] as const

/** Calls of OpenCL that can be ordered to fail, as bits. */
const calls = { build: 1, enqueue: 2, wait: 4, allocate: 8 } as const

/** Errors of OpenCL that drivers give when memory or the device is gone. */
export const openclErrors = {
  CL_DEVICE_NOT_AVAILABLE: -2,
  CL_MEM_OBJECT_ALLOCATION_FAILURE: -4,
  CL_OUT_OF_RESOURCES: -5,
  CL_OUT_OF_HOST_MEMORY: -6,
} as const

export interface Order {
  at: keyof typeof calls
  code: number
  /** Calls that succeed before. Default 0. */
  after?: number
  /** How often it fails. By default for ever. */
  times?: number
}

/**
 * Counts of the layer, and orders to it. Made before OpenVINO is loaded: the layer opens the file that the environment names, here and in
 * child processes.
 */
export class EmulatedGpu {
  readonly #folder = mkdtempSync(join(tmpdir(), 'emulated-gpu-'))
  readonly #file: number

  constructor() {
    const path = join(this.#folder, 'state')
    this.#file = openSync(path, 'w+')
    writeSync(this.#file, new Uint8Array(slots.length * 8))
    process.env['EMULATED_GPU_STATE'] = path
  }

  get(slot: (typeof slots)[number]): number {
    const bytes = new BigInt64Array(1)
    readSync(this.#file, bytes, 0, 8, slots.indexOf(slot) * 8)
    return Number(bytes[0])
  }

  #set(slot: (typeof slots)[number], value: number): void {
    writeSync(this.#file, BigInt64Array.of(BigInt(value)), 0, 8, slots.indexOf(slot) * 8)
  }

  fail({ at, code, after = 0, times = -1 }: Order): void {
    this.#set('failAt', 0)
    this.#set('failCode', code)
    this.#set('failAfter', after)
    this.#set('failTimes', times)
    this.#set('failed', 0)
    this.#set('failAt', calls[at])
  }

  mend(): void {
    this.#set('failAt', 0)
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What an engine needs to compute on the GPU in f32. */
export const onGpu: Pick<EngineConfig, 'device' | 'properties'> = {
  device: deviceFeatures('GPU'),
  properties: ['INFERENCE_PRECISION_HINT=f32', 'KV_CACHE_PRECISION=f32'],
}
