import { readFile } from 'node:fs/promises'
import { replaceFile } from '../cache/temporary.js'
import type { Report } from './report.js'

/**
 * The file of a report. It is written whenever something is known, because a driver may take the whole machine down.
 * Its functions throw what the system says when the file cannot be written.
 */
export class ReportFile {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Replaces an earlier report only.
   * @throws Error when the file holds something else, or cannot be read
   */
  static async at(path: string): Promise<ReportFile> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text !== undefined && !isReport(text)) {
      throw new Error(`${path}: expected no file there, or an earlier report, found another file`)
    }
    return new ReportFile(path)
  }

  /** Whole or not at all. */
  async write(report: Report): Promise<void> {
    await replaceFile(this.path, `${JSON.stringify(report, null, 2)}\n`)
  }
}

function isReport(text: string): boolean {
  try {
    const found = JSON.parse(text) as Partial<Report> | null
    return typeof found?.report === 'number' && Array.isArray(found.selfTests)
  } catch {
    return false
  }
}
