import type { LoadProgress } from '../options/load.js'

const width = 24

/** One line on a terminal that shows how far a load is; nothing anywhere else. */
export class ProgressLine {
  readonly #output: NodeJS.WriteStream
  #shown = ''

  constructor(output: NodeJS.WriteStream = process.stderr) {
    this.#output = output
  }

  readonly show = ({ stage, done, total }: LoadProgress): void => {
    if (!this.#output.isTTY) return
    const part = total > 0 ? Math.min(done / total, 1) : 0
    const filled = Math.round(part * width)
    const percent = `${Math.floor(part * 100)}`.padStart(3)
    const line = `${stage.padEnd(8)} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${percent} %`
    if (line === this.#shown) return
    this.#shown = line
    this.#output.write(`\r\x1b[K${line}`)
  }

  /** Removes the line. */
  clear(): void {
    if (this.#shown !== '') this.#output.write('\r\x1b[K')
    this.#shown = ''
  }
}
