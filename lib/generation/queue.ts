import { LLMError } from '../errors.js'

/** Counts the requests of a model that have not ended, those whose prompt is being tokenized included. */
export class RequestQueue {
  #active = 0

  /**
   * @param running how many are computed at once
   * @param waiting how many may wait beside them; may be infinite
   * @param engine is told when a request begins and when it ends
   */
  constructor(
    readonly running: number,
    readonly waiting: number,
    readonly engine?: { begin(): void; end(): void },
  ) {}

  /** Requests that have entered and not left. */
  get active(): number {
    return this.#active
  }

  /** @throws LLMError `ERR_QUEUE_FULL` when as many wait as may. */
  enter(): void {
    if (this.#active >= this.running + this.waiting) {
      throw new LLMError(
        'ERR_QUEUE_FULL',
        `${this.#active} requests have not ended: ${this.running} are computed at once, and maxQueue lets ${this.waiting} wait`,
      )
    }
    this.#active++
    this.engine?.begin()
  }

  leave(): void {
    this.#active--
    this.engine?.end()
  }
}
