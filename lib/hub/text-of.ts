import { LLMError } from '../errors.js'
import { type Answer, networkError, shown } from './client.js'

/**
 * The whole text of an answer.
 * @param most bytes that it may have
 * @throws LLMError ERR_NETWORK when it has more, is no UTF-8 or breaks off
 */
export async function textOf(answer: Answer, most: number): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  try {
    for await (const piece of answer.body) {
      bytes += piece.length
      // Leaving the loop destroys the body.
      if (bytes > most) break
      pieces.push(piece)
    }
  } catch (error) {
    throw networkError(answer.url, error)
  }
  if (bytes > most) throw new LLMError('ERR_NETWORK', `${shown(answer.url)}: expected at most ${most} bytes of text`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))
  } catch (cause) {
    throw new LLMError('ERR_NETWORK', `${shown(answer.url)}: expected UTF-8 text`, { cause })
  }
}
