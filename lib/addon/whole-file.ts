import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/**
 * Whether an ELF file has its end, where the table of its sections lies. The system's loader maps a file that was cut without looking,
 * and the process dies of SIGBUS. A file of another format, or none, is left to the loader.
 */
export function isCut(path: string): boolean {
  const header = Buffer.alloc(64)
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return false
  }
  try {
    const read = readSync(file, header, 0, header.length, 0)
    if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return false
    const end = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60)
    return read < header.length || fstatSync(file).size < end
  } finally {
    closeSync(file)
  }
}
