/** Errors that have a call site already: what a callback throws may be the same object each time, and its stack must not grow. */
const sited = new WeakSet<Error>()

/**
 * The frames that called `caller`, a public method. They are put into words when they are asked for, which few requests do: that takes ten
 * times as long as noting them.
 */
export function callSiteOf(caller: CallableFunction): () => string {
  const site: { stack?: string } = {}
  Error.captureStackTrace(site, caller)
  return () => site.stack?.split('\n').slice(1).join('\n') ?? ''
}

/** Puts the frames of the caller under those of an error that comes up from elsewhere, once. */
export function addCallSite(error: Error, frames: string): void {
  if (sited.has(error)) return
  sited.add(error)
  // A frozen error stays as it is.
  Reflect.set(error, 'stack', `${error.stack ?? error}\n${frames}`)
}
