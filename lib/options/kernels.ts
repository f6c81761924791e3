/** How the built-in kernels take activations: as f32, or as int8 with one scale for 32 or 64 inputs, or for a group of the weights. */
export type ActivationQuantization = 'off' | 32 | 64 | 'group'

/** What multiplies with compressed weights on CPU. An instruction set's name is the built-in kernel for it, whatever would be quicker. */
export type CpuKernel = 'auto' | 'openvino' | 'builtin' | 'avx2' | 'avx-vnni' | 'avx512-vnni' | 'portable'

/** Every value of {@link CpuKernel}. */
export const cpuKernels = ['auto', 'openvino', 'builtin', 'avx2', 'avx-vnni', 'avx512-vnni', 'portable'] as const

/** The built-in kernels' form of OpenVINO's DYNAMIC_QUANTIZATION_GROUP_SIZE, which has no bound. */
const groupSizes: Record<string, ActivationQuantization> = { 0: 'off', 32: 32, 64: 64 }

/**
 * How activations are taken when the option says nothing: f32 where f32 was asked for, else as OpenVINO's own property says, else int8 by
 * 32, which is what OpenVINO does on CPUs with VNNI.
 */
export function activationQuantization(
  option: ActivationQuantization | undefined,
  ovConfig: Readonly<Record<string, unknown>>,
): ActivationQuantization {
  if (option !== undefined) return option
  const size = ovConfig['DYNAMIC_QUANTIZATION_GROUP_SIZE']
  if (size !== undefined) return groupSizes[String(size)] ?? 'group'
  const exact =
    ovConfig['INFERENCE_PRECISION_HINT'] === 'f32' ||
    String(ovConfig['EXECUTION_MODE_HINT']).toUpperCase() === 'ACCURACY'
  return exact ? 'off' : 32
}

/** The same as the addon takes it: 0 for f32, -1 for a whole group. */
export function activationSpan(quantization: ActivationQuantization): number {
  if (quantization === 'off') return 0
  return quantization === 'group' ? -1 : quantization
}

/** The rule of the option `activationQuantization`. */
export const quantizationRule = {
  expected: "'off', 32, 64 or 'group'",
  accepts: (value: unknown) => value === 'off' || value === 32 || value === 64 || value === 'group',
}
