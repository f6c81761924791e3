import { constants } from 'node:os'

/**
 * Turns SIGINT, SIGTERM and a reader that went away into one abort signal, so that every command ends by its own way out. A second
 * signal ends the process at once.
 */
export class Interrupts {
  /** While set, takes SIGINT instead of the abort. */
  onInterrupt: (() => void) | undefined
  /** What a shell reports for a process that was ended by this signal; undefined while there was none. */
  exitCode: number | undefined
  /** After a signal, milliseconds until it ends the process for good, should a command not come to its end. */
  graceMs = 2000
  readonly #stop = new AbortController()

  constructor() {
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal)
    process.stdout.on('error', this.#onOutputError)
    // Nobody is left to be told.
    process.stderr.on('error', () => {})
  }

  /** Aborts when the command shall end. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Gives SIGINT and SIGTERM back to the system: from now on they end the process. */
  close(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal)
  }

  readonly #onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    if (signal === 'SIGINT' && this.onInterrupt) {
      this.onInterrupt()
      return
    }
    this.close()
    setTimeout(() => process.kill(process.pid, signal), this.graceMs).unref()
    this.#end(constants.signals[signal], signal)
  }

  readonly #onOutputError = (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      this.#end(constants.signals.SIGPIPE ?? 13, 'EPIPE')
    } else if (this.exitCode === undefined) {
      process.stderr.write(`openvino-llm: the output cannot be written: ${error.message}\n`)
      this.exitCode = 1
      this.#stop.abort(error)
    }
  }

  #end(signalNumber: number, why: string): void {
    this.exitCode ??= 128 + signalNumber
    this.#stop.abort(new Error(`stopped by ${why}`))
  }
}
