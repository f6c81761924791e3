import type { DownloadProgress } from '../hub/progress.js'
import type { LoadProgress } from '../options/load.js'
import { size } from './byte-size.js'

const width = 24

/** One line on a terminal that shows how far a load is; nothing anywhere else. */
export class ProgressLine {
  readonly #output: NodeJS.WriteStream
  #shown = ''

  constructor(output: NodeJS.WriteStream = process.stderr) {
    this.#output = output
  }

  readonly show = ({ stage, done, total, ...pace }: LoadProgress & Partial<DownloadProgress>): void => {
    if (!this.#output.isTTY) return
    const part = total > 0 ? Math.min(done / total, 1) : 0
    const filled = Math.round(part * width)
    const percent = `${Math.floor(part * 100)}`.padStart(3)
    const line = `${stage.padEnd(8)} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${percent} %${paceText(pace)}`
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

/** Shows progress while something is downloaded, loaded or computed. */
export async function withProgress<T>(work: (onProgress: ProgressLine['show']) => Promise<T>): Promise<T> {
  const progress = new ProgressLine()
  try {
    return await work(progress.show)
  } finally {
    progress.clear()
  }
}

/** What a download tells beside how far it is, e.g. `  12.5 MB/s, 40 s left`; '' for anything else. */
function paceText({ bytesPerSecond = 0, secondsLeft }: Partial<DownloadProgress>): string {
  if (bytesPerSecond === 0) return ''
  return `  ${size(bytesPerSecond)}/s${secondsLeft === undefined ? '' : `, ${duration(secondsLeft)} left`}`
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}
