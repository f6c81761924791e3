const registry = new FinalizationRegistry<() => void>((close) => close())

/**
 * Closes what an object holds when nobody can reach the object any more.
 * @param close must not reach the object itself, or it is never forgotten
 */
export function closeWhenForgotten(owner: object, close: () => void): void {
  registry.register(owner, close, owner)
}

/** Takes {@link closeWhenForgotten} back: the object was closed. */
export function closedInTime(owner: object): void {
  registry.unregister(owner)
}
