/**
 * What is tried, in this order, when a model computes NaN or infinite logits: mostly activations beyond the largest f16, 65504.
 *
 * ACTIVATIONS_SCALE_FACTOR divides activations where the device (a GPU) computes in f16; OpenVINO's own examples use 8. f32 does not
 * overflow, and is slower there.
 *
 * The CPU plugin has no ACTIVATIONS_SCALE_FACTOR. With INFERENCE_PRECISION_HINT f32 or bf16 it leaves out a graph's conversions to f16; with
 * f16 (AVX512-FP16) it keeps them, and they overflow.
 */
const rungs: readonly { name: string; value: string }[] = [
  { name: 'ACTIVATIONS_SCALE_FACTOR', value: '8' },
  { name: 'INFERENCE_PRECISION_HINT', value: 'f32' },
]

/** The rungs as `KEY=VALUE` lines, without the properties that the caller set: what was asked for stays as it is. */
export function precisionFallback(ovConfig: Readonly<Record<string, unknown>>): string[] {
  return rungs.filter(({ name }) => !Object.hasOwn(ovConfig, name)).map(({ name, value }) => `${name}=${value}`)
}
