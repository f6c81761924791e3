/** What one request may ask for at most. */
export interface Limits {
  maxN: number
  /** Milliseconds, or none. */
  requestTimeout: number | undefined
}
