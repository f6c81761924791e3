import { loadAddon } from '../addon/load.js'
import { compiledFolder } from '../cache/compiled-models.js'
import { KernelChoices } from '../cache/kernel-choices.js'
import { PackedCache } from '../cache/packed-weights.js'
import { cacheRoot } from '../cache/root.js'
import { ownCache } from '../devices/properties.js'
import { Engine } from '../engine/engine.js'
import { type LoadOptions, loadDefaults } from '../options/load.js'
import type { Warn } from '../warnings.js'
import { type EngineParts, engineConfig } from './engine-config.js'

/** Reads, compiles and warms up; an aborted signal rejects with its reason. To be called again after the engine was closed. */
export type OpenEngine = (signal: AbortSignal | undefined) => Promise<Engine>

/**
 * Puts the engine's configuration together, once; what is returned opens the engine with what the caches hold then.
 * @throws LLMError `ERR_CONTEXT_LENGTH`, `ERR_CACHE`
 */
export async function engineOpener(
  options: LoadOptions,
  parts: Omit<EngineParts, 'compiledFolder'>,
  warn: Warn,
): Promise<OpenEngine> {
  const { definition, device } = parts
  const build = loadAddon().buildInfo()
  const keepsCompiled = device.kind.cachesModels && !ownCache(device.asked)
  const compiled = keepsCompiled ? await compiledFolder(definition, build.openvino) : undefined
  const config = engineConfig(options, { ...parts, compiledFolder: compiled })
  const kernelChoices = new KernelChoices(cacheRoot(), build, config)
  const packedCache = new PackedCache(cacheRoot(), build)
  const keepsPacked = definition.weightsBytes <= (options.packedCacheBytes ?? loadDefaults.packedCacheBytes)
  return async (signal) => {
    const packedPath = keepsPacked ? await packedCache.pathFor(definition) : ''
    const listeners = { signal, onProgress: options.onProgress, onWarning: warn }
    const engine = await Engine.start({ ...config, kernelChoices: await kernelChoices.read(), packedPath }, listeners)
    await kernelChoices.add(engine.info.kernels)
    await packedCache.used(engine.info.packed)
    return engine
  }
}
