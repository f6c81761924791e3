import { writeByteAlphabet } from './byte-alphabet.js'
import type { ByteWriter } from './byte-writer.js'
import { cleanUps } from './clean-up.js'
import { booleanOf, type Config, countOf, sequenceOf, stringOf, typedConfig, unsupported } from './config.js'
import { compilePattern } from './pattern.js'
import { metaspaceScheme } from './pre-tokenizer.js'

/** Turns tokens into text one by one. `first` says that nothing stands before the token. */
export interface Decoder {
  textOf: (token: string, first: boolean) => string
  /** Appends the bytes of a token. */
  write: (token: string, first: boolean, writer: ByteWriter) => void
  /** Whether `first` makes a difference. */
  knowsFirst: boolean
  /** Whether the text loses one leading space, whichever token it comes from. */
  stripLeadingSpace: boolean
  /** Whether the text loses its last space. */
  stripTrailingSpace: boolean
}

const byteToken = /^<0x([0-9A-Fa-f]{2})>$/

/**
 * Builds the `decoder` of a tokenizer.json. Without one, tokens stand side by side with a space between them.
 * @throws LLMError ERR_UNSUPPORTED_TOKENIZER when tokens cannot be decoded one by one with this decoder,
 * ERR_TOKENIZER_INVALID for a wrong shape.
 */
export function createDecoder(value: unknown, where: string): Decoder {
  const maps: ((token: string, first: boolean) => string)[] = []
  let byteLevel = false
  let byteFallback = false
  let fused = false
  const decoder = { knowsFirst: false, stripLeadingSpace: false, stripTrailingSpace: false }
  const add = (config: Config & { type: string }, at: string): void => {
    const refuse = (why: string): never => unsupported(at, `${config.type} ${why}`)
    if (byteLevel) refuse('behind ByteLevel is not supported')
    // What comes behind Fuse sees one text instead of tokens.
    if (fused && config.type !== 'Strip' && !replacesCharacter(config)) refuse('behind Fuse is not supported')
    switch (config.type) {
      case 'Sequence':
        for (const [i, inner] of sequenceOf(config, 'decoders', at).entries()) {
          add(typedConfig(inner, `${at}[${i}]`), `${at}[${i}]`)
        }
        break
      case 'ByteLevel':
        byteLevel = true
        break
      case 'ByteFallback':
        byteFallback = true
        break
      case 'Fuse':
        fused = true
        break
      case 'Replace': {
        const pattern = compilePattern(config['pattern'], at)
        const content = stringOf(config, 'content', at)
        maps.push((token) => token.replaceAll(pattern, () => content))
        break
      }
      case 'Metaspace': {
        const mark = stringOf(config, 'replacement', at, '▁')
        const begins = metaspaceScheme(config, at) !== 'never'
        decoder.knowsFirst ||= begins
        maps.push((token, first) => token.replaceAll(mark, begins && first ? '' : ' '))
        break
      }
      case 'WordPiece': {
        const prefix = stringOf(config, 'prefix', at, '##')
        const clean = booleanOf(config, 'cleanup', at, true)
        decoder.knowsFirst = true
        maps.push((token, first) => {
          const joined = first ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`
          return clean ? withoutSpaces(joined) : joined
        })
        break
      }
      case 'BPEDecoder': {
        const suffix = stringOf(config, 'suffix', at, '</w>')
        if (suffix === '') refuse('with an empty suffix is not supported')
        decoder.stripTrailingSpace = true
        maps.push((token) => token.replaceAll(suffix, () => ' '))
        break
      }
      case 'Strip': {
        const content = stringOf(config, 'content', at)
        const [start, stop] = [countOf(config, 'start', at, 0), countOf(config, 'stop', at, 0)]
        const characters = Array.from(content)
        if (fused && content === ' ' && start === 1 && stop === 0) decoder.stripLeadingSpace = true
        else if (!fused && !byteFallback && characters.length === 1) {
          maps.push((token) => strip(token, content, start, stop))
        } else {
          refuse(
            `with content ${JSON.stringify(content)}, start ${start}, stop ${stop} is not supported here: ` +
              'expected one leading space, behind Fuse, or one character, before Fuse and ByteFallback',
          )
        }
        break
      }
      default:
        refuse('is not supported')
    }
  }
  if (value !== null && value !== undefined) add(typedConfig(value, where), where)
  else {
    decoder.knowsFirst = true
    maps.push((token, first) => (first ? token : ` ${token}`))
  }
  const textOf = (token: string, first: boolean): string => maps.reduce((result, map) => map(result, first), token)
  const write = (token: string, first: boolean, writer: ByteWriter): void => {
    const byte = byteFallback ? byteToken.exec(token)?.[1] : undefined
    if (byte !== undefined) writer.byte(Number.parseInt(byte, 16))
    else if (byteLevel) writeByteAlphabet(textOf(token, first), writer)
    else writer.text(textOf(token, first))
  }
  return { textOf, write, ...decoder }
}

/** Whether it is a Replace that looks for one character, which makes no difference to it how a text is cut. */
function replacesCharacter({ type, pattern }: Config): boolean {
  const text = (pattern as { String?: unknown } | null | undefined)?.String
  return type === 'Replace' && typeof text === 'string' && Array.from(text).length === 1
}

/** Takes away up to `start` and `stop` times `character` at both ends. */
function strip(token: string, character: string, start: number, stop: number): string {
  let text = token
  for (let i = 0; i < start && text.startsWith(character); i++) text = text.slice(character.length)
  for (let i = 0; i < stop && text.endsWith(character); i++) text = text.slice(0, -character.length)
  return text
}

/** The Rust library's own clean-up knows one more. */
const wordPieceCleanUps = [...cleanUps.slice(0, 7), [' do not', " don't"] as const, ...cleanUps.slice(7)]
const withoutSpaces = (text: string): string =>
  wordPieceCleanUps.reduce((result, [from, to]) => result.replaceAll(from, to), text)
