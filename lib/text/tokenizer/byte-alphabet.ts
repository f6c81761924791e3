import type { ByteWriter } from './byte-writer.js'

/**
 * The alphabet of byte-level BPE: each byte is written as one printable character, so that a vocabulary can be JSON.
 * Printable Latin-1 bytes stand for themselves, the other 68 take the code points from U+0100 on, in byte order.
 */
const characters: string[] = []
/** By the code of a character; -1 where it is not in the alphabet. */
const byteOf = new Int16Array(0x200).fill(-1)

for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  const code = printable ? byte : next++
  characters.push(String.fromCharCode(code))
  byteOf[code] = byte
}

const encoder = new TextEncoder()

/** The UTF-8 bytes of `text`, each as its character of the alphabet. */
export function toByteAlphabet(text: string): string {
  let result = ''
  for (const byte of encoder.encode(text)) result += characters[byte]
  return result
}

/** Appends the bytes that `token` stands for, or its own UTF-8 when one of its characters is not in the alphabet. */
export function writeByteAlphabet(token: string, writer: ByteWriter): void {
  if (isInAlphabet(token)) for (let i = 0; i < token.length; i++) writer.byte(byteOf[token.charCodeAt(i)]!)
  else writer.text(token)
}

function isInAlphabet(token: string): boolean {
  for (let i = 0; i < token.length; i++) if ((byteOf[token.charCodeAt(i)] ?? -1) < 0) return false
  return true
}
