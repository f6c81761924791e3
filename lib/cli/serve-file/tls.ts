import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'

/**
 * Reads the files of a certificate and of its private key.
 * @throws TypeError that names the files when they are not that; the system's error when one cannot be read
 */
export async function readTls(files: { cert: string; key: string }): Promise<{ cert: Buffer; key: Buffer }> {
  const pem = { cert: await readFile(files.cert), key: await readFile(files.key) }
  try {
    createSecureContext(pem)
  } catch (error) {
    const text = (error as Error).message
    throw new TypeError(
      `expected ${files.cert} and ${files.key} to be a certificate and its private key (PEM): ${text}`,
    )
  }
  return pem
}
