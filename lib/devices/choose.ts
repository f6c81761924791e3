import { type ErrorCode, LLMError } from '../errors.js'

/** A device that {@link chooseDevice} may choose. */
export interface Candidate {
  /** OpenVINO's name, e.g. `GPU.1`. */
  name: string
  /** Properties as OpenVINO reports them. */
  properties: Readonly<Record<string, string>>
  /** Why the device cannot be asked, or ''. */
  error: string
}

/** A device, and in words why this one. */
export interface ChosenDevice {
  device: string
  reason: string
}

/**
 * Prefers a discrete GPU, then an integrated one, then the CPU. A GPU is chosen only when the model fits its memory; an integrated one
 * has what the system leaves free. An NPU is never chosen: it needs models that were exported for it.
 * @param neededBytes bytes of the weights and of the KV cache of one context
 * @param freeBytes bytes of the system's memory that are free
 */
export function chooseDevice(found: readonly Candidate[], neededBytes: number, freeBytes: number): ChosenDevice {
  const isGpu = ({ name, error }: Candidate) => error === '' && /^GPU(\.\d+){0,2}$/.test(name)
  const rank = ({ properties }: Candidate) => (properties['DEVICE_TYPE'] === 'discrete' ? 0 : 1)
  const notes: string[] = []
  for (const gpu of found.filter(isGpu).sort((a, b) => rank(a) - rank(b))) {
    const own = Number(gpu.properties['GPU_DEVICE_TOTAL_MEM_SIZE'] ?? Number.NaN)
    const kind = rank(gpu) === 0 ? 'discrete' : 'integrated'
    const bytes = rank(gpu) === 0 ? own : Math.min(own, freeBytes)
    if (bytes >= neededBytes) {
      return {
        device: gpu.name,
        reason: [...notes, `${gpu.name} is ${kind} and has ${gigabytes(bytes)} for ${gigabytes(neededBytes)}`].join(
          '; ',
        ),
      }
    }
    notes.push(
      Number.isNaN(bytes)
        ? `${gpu.name} does not tell its memory`
        : `${gpu.name} is ${kind} and has ${gigabytes(bytes)}, less than ${gigabytes(neededBytes)}`,
    )
  }
  if (notes.length === 0) notes.push('there is no GPU')
  return { device: 'CPU', reason: notes.join('; ') }
}

/** Failures of a load that another device may not have. */
const ofDevices: ReadonlySet<ErrorCode> = new Set([
  'ERR_DEVICE',
  'ERR_ENGINE',
  'ERR_NON_FINITE',
  'ERR_OUT_OF_MEMORY',
  'ERR_UNSUPPORTED_MODEL',
])

/** Where a load goes on when the device that {@link chooseDevice} chose could not open the model: the CPU, or nowhere (undefined). */
export function chooseAfter({ device, reason }: ChosenDevice, error: unknown): ChosenDevice | undefined {
  if (device === 'CPU' || !(error instanceof LLMError) || !ofDevices.has(error.code)) return undefined
  return { device: 'CPU', reason: `${reason}; but ${device} could not open the model: ${error.message}` }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
