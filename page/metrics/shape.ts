/** The size of a chart's drawing, in its own units. */
export const width = 240
export const height = 56

/**
 * A line through values, and the area below it, as SVG paths. The lowest value that is drawn is 0.
 * @param top the highest one; without it, the largest value
 */
export function shapeOf(
  values: readonly number[],
  top = Math.max(...values, Number.MIN_VALUE),
): { line: string; area: string } {
  if (values.length === 0) return { line: '', area: '' }
  const step = width / Math.max(values.length - 1, 1)
  const points = (values.length === 1 ? [...values, ...values] : values).map((value, i) => {
    const y = height - 1 - (value / top) * (height - 4)
    return `${(i * step).toFixed(1)} ${y.toFixed(1)}`
  })
  const line = `M${points.join('L')}`
  return { line, area: `${line}V${height}H0Z` }
}

/** A number as a chart shows it: three figures, and thousands in one letter. */
export function short(value: number): string {
  if (value >= 1e6) return `${short(value / 1e6)}M`
  if (value >= 1000) return `${short(value / 1000)}k`
  if (value >= 100 || Number.isInteger(value)) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}
