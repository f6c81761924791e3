import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { ModelResidency } from '#lib/index.js'

/** The next time that a model leaves memory or comes back. */
export function nextResidency(what: 'load' | 'unload'): Promise<ModelResidency> {
  const name = `openvino-llm:model:${what}`
  return new Promise((resolve) => {
    // The model's own timer keeps no process alive, not the test's either.
    const alive = setInterval(() => {}, 1000)
    const listener = (message: unknown) => {
      unsubscribe(name, listener)
      clearInterval(alive)
      resolve(message as ModelResidency)
    }
    subscribe(name, listener)
  })
}
