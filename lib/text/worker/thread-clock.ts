import { loadAddon, loadedAddonPath } from '../../addon/load.js'
import { LLMError } from '../../errors.js'

/** What reads the CPU time of worker threads. */
export interface ThreadClocks {
  /** The addon's file, which a thread loads (0.1 ms) to open its clock. */
  addonPath: string
  /** Milliseconds of CPU time of the thread that opened this clock, or undefined once that thread has ended. */
  cpuTime(clock: number): number | undefined
}

/**
 * The clocks of the addon, which is loaded for it if need be (50 ms and 9 MB, once a process). Undefined where it cannot
 * be loaded: a tokenizer needs no addon, so that is no reason to fail.
 *
 * The thread that starts the worker loads the addon first: Node unloads a library together with the last thread that
 * has loaded it, and OpenVINO is not made to be unloaded.
 */
export function threadClocks(): ThreadClocks | undefined {
  try {
    const addon = loadAddon()
    return { addonPath: loadedAddonPath() as string, cpuTime: (clock) => addon.threadCpuTime(clock) }
  } catch (error) {
    if (error instanceof LLMError) return undefined
    throw error
  }
}
