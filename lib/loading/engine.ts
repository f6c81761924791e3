import { loadAddon, loadedAddonPath } from '../addon/load.js'
import { compiledFolder } from '../cache/compiled-models.js'
import { GraphCache } from '../cache/kept-graphs.js'
import { KernelChoices } from '../cache/kernel-choices.js'
import { PackedCache } from '../cache/packed-weights.js'
import { cacheRoot } from '../cache/root.js'
import { ownCache } from '../devices/properties.js'
import { freeSpace } from '../disk-space.js'
import { Engine } from '../engine/engine.js'
import type { LoadOptions } from '../options/load.js'
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
  const compiled = keepsCompiled ? await compiledFolder(definition, build.openvino, device.properties) : undefined
  const config = engineConfig(options, { ...parts, compiledFolder: compiled })
  const kernelChoices = new KernelChoices(cacheRoot(), build, config)
  const packedCache = new PackedCache(cacheRoot(), build)
  const graphCache = new GraphCache(cacheRoot(), build, loadedAddonPath() ?? '')
  const keeps = device.kind.builtinKernels && (await keepsStart(definition, options.packedCacheBytes))
  return async (signal) => {
    const packedPath = keeps ? await packedCache.pathFor(definition) : ''
    const listeners = { signal, onProgress: options.onProgress, onWarning: warn }
    const graphPath = keeps ? await graphCache.pathFor(definition, config) : ''
    const kept = { kernelChoices: await kernelChoices.read(), packedPath, graphPath }
    const engine = await Engine.start({ ...config, ...kept }, listeners)
    await kernelChoices.add(engine.info.kernels)
    await packedCache.used(packedPath, engine.info.packed)
    return engine
  }
}

/** Bytes of weights below which a start is short anyway. */
const fewestKept = 32e6
/** Share of the free disk that one model may take unless the caller says otherwise. */
const diskShare = 0.1

/** Whether what makes the next start short is kept of a model. */
async function keepsStart({ weightsBytes }: { weightsBytes: number }, most: number | undefined): Promise<boolean> {
  if (most !== undefined) return weightsBytes <= most
  return weightsBytes >= fewestKept && weightsBytes <= diskShare * (await freeSpace(cacheRoot()))
}
