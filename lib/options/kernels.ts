/** How the built-in kernels take activations: `off` is f32; else int8 with one scale for 32 inputs, 64 inputs, or a `group` of the weights. */
export type ActivationQuantization = 'off' | 32 | 64 | 'group'

/** What multiplies with compressed weights on CPU. The name of an instruction set is the built-in kernel for it. */
export type CpuKernel = 'auto' | 'openvino' | 'builtin' | 'avx2' | 'avx-vnni' | 'avx512-vnni' | 'portable'

/** Every value of {@link CpuKernel}. */
export const cpuKernels = ['auto', 'openvino', 'builtin', 'avx2', 'avx-vnni', 'avx512-vnni', 'portable'] as const

/** Values of OpenVINO's DYNAMIC_QUANTIZATION_GROUP_SIZE that the built-in kernels have too; larger ones are a whole group. */
const groupSizes: Record<string, ActivationQuantization> = { 0: 'off', 32: 32, 64: 64 }

/**
 * How the built-in kernels take activations. The option decides, else OpenVINO's property for it. Without both it is f32 when f32 or
 * accuracy was asked for, else int8 with one scale for 32 inputs, as OpenVINO does on CPUs with VNNI.
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

/** The same as a number for the addon: 0 is f32, -1 a whole group. */
export function activationSpan(quantization: ActivationQuantization): number {
  if (quantization === 'off') return 0
  return quantization === 'group' ? -1 : quantization
}

/** The rule of the option `activationQuantization`. */
export const quantizationRule = {
  expected: "'off', 32, 64 or 'group'",
  accepts: (value: unknown) => value === 'off' || value === 32 || value === 64 || value === 'group',
}
