// @ts-check
/** Section types of the ELF specification. */
const kind = { symbols: 2, strings: 3, dynamic: 6, dynamicSymbols: 11, versionsNeeded: 0x6ffffffe }
/** Tags of dynamic entries, and the machines that we ship for. */
const tag = { needed: 1, soname: 14, rpath: 15, runpath: 29 }
const machines = new Map([
  [62, 'x64'],
  [183, 'arm64'],
])

/**
 * @typedef {object} ElfFacts what a shared library for Linux says of itself
 * @property {string} arch as Node names it, or the number of another machine
 * @property {string | undefined} soname
 * @property {string[]} needed libraries it is linked to
 * @property {string | undefined} rpath DT_RPATH: searched before LD_LIBRARY_PATH
 * @property {string | undefined} runpath DT_RUNPATH: searched after it
 * @property {string[]} versions symbol versions that it needs, such as GLIBC_2.28
 * @property {string[]} exported names of the symbols it defines for others
 * @property {boolean} stripped whether its symbol table was removed
 */

/**
 * Reads a 64-bit little-endian ELF file by the System V ABI, without binutils, so that every platform's package can be
 * checked on any machine.
 * @param {Buffer} file
 * @returns {ElfFacts}
 * @throws {RangeError} when it is no such file, or is cut
 */
export function readElf(file) {
  if (file.subarray(0, 6).toString('latin1') !== '\x7fELF\x02\x01') throw new RangeError('no 64-bit ELF file')
  const sections = readSections(file)
  /** @param {number} type */
  const section = (type) => sections.find((found) => found.type === type)
  const dynamic = section(kind.dynamic)
  if (!dynamic) throw new RangeError('an ELF file without a dynamic section')
  const strings = stringsOf(file, sections, dynamic)
  /** @type {Map<number, string[]>} */
  const entries = new Map(Object.values(tag).map((number) => [number, []]))
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    entries.get(number64(file, at))?.push(strings(number64(file, at + 8)))
  }
  const machine = file.readUInt16LE(18)
  return {
    arch: machines.get(machine) ?? `machine ${machine}`,
    soname: entries.get(tag.soname)?.[0],
    needed: entries.get(tag.needed) ?? [],
    rpath: entries.get(tag.rpath)?.[0],
    runpath: entries.get(tag.runpath)?.[0],
    versions: versionsNeeded(file, sections, section(kind.versionsNeeded)),
    exported: exportedSymbols(file, sections, section(kind.dynamicSymbols)),
    stripped: !section(kind.symbols),
  }
}

/**
 * @typedef {{ type: number, offset: number, size: number, link: number }} Section
 * @param {Buffer} file
 * @returns {Section[]}
 */
function readSections(file) {
  const table = number64(file, 40)
  const [entry, count] = [file.readUInt16LE(58), file.readUInt16LE(60)]
  return Array.from({ length: count }, (_, i) => {
    const at = table + i * entry
    return {
      type: file.readUInt32LE(at + 4),
      offset: number64(file, at + 24),
      size: number64(file, at + 32),
      link: file.readUInt32LE(at + 40),
    }
  })
}

/**
 * The versions of symbols that are taken from other libraries: a list of libraries, each with a list of versions.
 * @param {Buffer} file
 * @param {Section[]} sections
 * @param {Section | undefined} section
 */
function versionsNeeded(file, sections, section) {
  if (!section) return []
  const strings = stringsOf(file, sections, section)
  const names = new Set()
  let [library, next] = [section.offset, 0]
  do {
    let version = library + file.readUInt32LE(library + 8)
    for (let left = file.readUInt16LE(library + 2); left > 0; left--) {
      names.add(strings(file.readUInt32LE(version + 8)))
      version += file.readUInt32LE(version + 12)
    }
    next = file.readUInt32LE(library + 12)
    library += next
  } while (next !== 0)
  return [...names].sort()
}

/**
 * @param {Buffer} file
 * @param {Section[]} sections
 * @param {Section | undefined} section
 */
function exportedSymbols(file, sections, section) {
  if (!section) return []
  const strings = stringsOf(file, sections, section)
  const names = []
  for (let at = section.offset; at < section.offset + section.size; at += 24) {
    const local = file.readUInt8(at + 4) >> 4 === 0
    const undefined_ = file.readUInt16LE(at + 6) === 0
    if (!local && !undefined_) names.push(strings(file.readUInt32LE(at)))
  }
  return names.sort()
}

/**
 * @param {Buffer} file
 * @param {Section[]} sections
 * @param {Section} section whose names are in the section that it links to
 * @returns {(at: number) => string}
 */
function stringsOf(file, sections, section) {
  const table = sections[section.link]
  if (table?.type !== kind.strings) throw new RangeError('an ELF section without its strings')
  return (at) => {
    const start = table.offset + at
    return file.toString('latin1', start, file.indexOf(0, start))
  }
}

/**
 * @param {Buffer} file
 * @param {number} at
 */
function number64(file, at) {
  return Number(file.readBigUInt64LE(at))
}
