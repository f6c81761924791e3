/**
 * What is tried, in this order, when a model computes NaN or infinite logits: mostly activations beyond the largest f16, 65504.
 *
 * ACTIVATIONS_SCALE_FACTOR divides activations where the device (a GPU) computes in f16; OpenVINO's own examples use 8. f32 does not
 * overflow, and is slower there.
 */
const rungs: readonly { name: string; value: string }[] = [
  { name: 'ACTIVATIONS_SCALE_FACTOR', value: '8' },
  { name: 'INFERENCE_PRECISION_HINT', value: 'f32' },
]

/** The rungs as `KEY=VALUE` lines, but for properties that the caller set: what was asked for is not changed behind one's back. */
export function precisionFallback(ovConfig: Readonly<Record<string, unknown>>): string[] {
  return rungs.filter(({ name }) => !Object.hasOwn(ovConfig, name)).map(({ name, value }) => `${name}=${value}`)
}
