const pattern = /-(\d{5})-of-(\d{5})\.gguf$/i

/** The most parts that a split GGUF may have. */
const most = 10_000

/**
 * The names of all parts of a split GGUF, `model-00001-of-00003.gguf` and so on, by the name or path of one of them.
 * @returns undefined for a GGUF that is whole
 */
export function partNames(path: string): string[] | undefined {
  const [end, number, count] = pattern.exec(path) ?? []
  if (
    end === undefined ||
    Number(count) < 2 ||
    Number(count) > most ||
    Number(number) < 1 ||
    Number(number) > Number(count)
  )
    return undefined
  const stem = path.slice(0, -end.length)
  // The ending as it is written there: file systems tell letters apart.
  const suffix = end.slice(-'.gguf'.length)
  return Array.from({ length: Number(count) }, (_, i) => `${stem}-${`${i + 1}`.padStart(5, '0')}-of-${count}${suffix}`)
}

/** The path of a GGUF without what numbers its parts. */
export const withoutPart = (path: string): string => path.replace(pattern, '.gguf')
