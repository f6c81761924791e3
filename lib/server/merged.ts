/** The values of several iterations as they come, each with the number of its iteration. The first failure ends it. */
export async function* merged<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<[number, T]> {
  const [only, ...others] = sources
  if (only && others.length === 0) {
    for await (const value of only) yield [0, value]
    return
  }
  const iterators = sources.map((source) => source[Symbol.asyncIterator]())
  const next = async (at: number) => ({ at, found: await (iterators[at] as AsyncIterator<T>).next() })
  const pull = (at: number) => {
    const pulled = next(at)
    // Whoever stops reading never asks for it: a failure then is nobody's.
    pulled.catch(() => {})
    return pulled
  }
  const pending = new Map(iterators.map((_, at) => [at, pull(at)] as const))
  try {
    while (pending.size > 0) {
      const { at, found } = await Promise.race(pending.values())
      if (found.done) {
        pending.delete(at)
        continue
      }
      pending.set(at, pull(at))
      yield [at, found.value]
    }
  } finally {
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()))
  }
}
