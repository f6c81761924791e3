import { type ErrorCode, LLMError } from '../errors.js'

/** Whether the engine of a model works. */
export interface Health {
  /**
   * `healthy`: no failure since the last step that succeeded. `failed`: the engine has died and is out of memory; a request opens it
   * again, from `retryAt` on. `recovering`: it is being opened again, or is open again and has not computed anything yet.
   */
  state: 'healthy' | 'failed' | 'recovering'
  /** What the engine died of, the last time; null when healthy. */
  cause: { code: ErrorCode; message: string } | null
  /** How many times it has died, or could not be opened again, since a step succeeded. */
  failures: number
  /** Until then requests fail at once: milliseconds since the epoch. Null when there is no pause. */
  retryAt: number | null
}

/** Numbers that tests replace. */
export interface HealthOptions {
  /** Milliseconds since the epoch, never going back. */
  now?: () => number
  /** Milliseconds of the first pause. Each one after it is twice as long, up to the longest. Default 1,000 and 60,000. */
  firstPause?: number
  longestPause?: number
}

/**
 * A circuit breaker for an engine that dies: the first failure costs nothing but the requests that were there, and the next request opens
 * the engine again. When it fails again before a step has succeeded, requests fail at once for a pause that doubles each time; then one
 * request tries again, while others still fail. A step that succeeds ends it all.
 */
export class EngineHealth {
  readonly #now: () => number
  readonly #firstPause: number
  readonly #longestPause: number
  #failures = 0
  #cause: LLMError | undefined
  #retryAt = Number.NEGATIVE_INFINITY
  #trying = false

  constructor({ now = steadyEpoch, firstPause = 1000, longestPause = 60_000 }: HealthOptions = {}) {
    this.#now = now
    this.#firstPause = firstPause
    this.#longestPause = longestPause
  }

  /** As of now. */
  get health(): Health {
    if (!this.#cause) return { state: 'healthy', cause: null, failures: 0, retryAt: null }
    const { code, message } = this.#cause
    const pausing = !this.#trying && this.#retryAt > this.#now()
    return {
      state: this.#trying ? 'recovering' : 'failed',
      cause: { code, message },
      failures: this.#failures,
      retryAt: pausing ? this.#retryAt : null,
    }
  }

  /**
   * The engine shall be opened. Whoever gets past this opens it and then calls {@link failed} or, in time, {@link computed}.
   * @throws LLMError `ERR_UNAVAILABLE` during a pause
   */
  open(): void {
    const left = this.#retryAt - this.#now()
    if (this.#cause && left > 0) throw this.#unavailable(`the next attempt is in ${(left / 1000).toFixed(1)} s`)
    this.#trying = this.#cause !== undefined
  }

  /**
   * The engine is being opened, and another request wants to wait for it: it may, unless this is the one attempt after a pause.
   * @throws LLMError `ERR_UNAVAILABLE`
   */
  join(): void {
    if (this.#trying && this.#failures > 1) throw this.#unavailable('one request is trying it again')
  }

  /** The engine died, or could not be opened after it had died. */
  failed(cause: LLMError): void {
    this.#failures++
    this.#cause = cause
    this.#trying = false
    const pause = Math.min(this.#longestPause, this.#firstPause * 2 ** (this.#failures - 2))
    this.#retryAt = this.#failures > 1 ? this.#now() + pause : Number.NEGATIVE_INFINITY
  }

  /** A step has succeeded. */
  computed(): void {
    this.#failures = 0
    this.#cause = undefined
    this.#trying = false
    this.#retryAt = Number.NEGATIVE_INFINITY
  }

  #unavailable(then: string): LLMError {
    const { message } = this.#cause as LLMError
    return new LLMError(
      'ERR_UNAVAILABLE',
      `the engine has failed ${this.#failures} times without computing anything in between, and ${then}; the last cause: ${message}`,
      { cause: this.#cause },
    )
  }
}

/** The time of day as it was when the process started, and from there a clock that nobody sets. */
const steadyEpoch = (): number => performance.timeOrigin + performance.now()
