import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readGgufHeader } from '#lib/model/gguf/metadata.js'
import { writeGguf } from '../gguf-writer.js'
import { tinyMetadata, tinyTensors } from '../tiny-gguf.js'

const good = writeGguf(tinyMetadata, tinyTensors)

t.test('reads metadata and shapes', async (t) => {
  const path = join(t.testdir({ 'a.gguf': good }), 'a.gguf')
  const header = await readGgufHeader(path)
  t.equal(header.architecture, 'llama')
  t.equal(header.metadata.integer('llama.context_length', 1), 128)
  t.strictSame(
    [...header.tensors],
    [
      ['token_embd.weight', [8, 10]],
      ['output_norm.weight', [8]],
    ],
  )
})

t.test('a file cut at any place is refused', async (t) => {
  const path = join(t.testdir({}), 'a.gguf')
  for (let length = 0; length < good.length; length += 7) {
    writeFileSync(path, good.subarray(0, length))
    await t.rejects(readGgufHeader(path), { code: 'ERR_MODEL_INVALID', message: /a\.gguf: / }, `${length} bytes`)
  }
  writeFileSync(path, good)
  truncateSync(path, good.length - 8)
  await t.rejects(readGgufHeader(path), {
    message: /truncated: tensor "output_norm\.weight" ends at byte \d+, the file at/,
  })
})

t.test('hostile headers are refused', async (t) => {
  const path = join(t.testdir({}), 'a.gguf')
  const patched = (offset: number, value: bigint): Buffer => {
    const copy = Buffer.from(good)
    copy.writeBigUInt64LE(value, offset)
    return copy
  }
  const array = writeGguf({ 'general.architecture': 'llama', x: ['a'] }, tinyTensors)
  const lengthOfX = array.indexOf(Buffer.from([9, 0, 0, 0, 8, 0, 0, 0])) + 8
  array.writeBigUInt64LE(999_999n, lengthOfX)
  const cases: [name: string, content: Buffer, message: RegExp][] = [
    ['not GGUF', Buffer.from('PK'.repeat(50)), /expected a GGUF file/],
    [
      'version 99',
      Buffer.concat([Buffer.from('GGUF'), Buffer.from([99, 0, 0, 0]), good.subarray(8)]),
      /unsupported version/,
    ],
    ['2^63 tensors', patched(8, 2n ** 63n), /promises 9223372036854775808 tensors/],
    ['10 million tensors', patched(8, 10_000_000n), /promises 10000000 tensors/],
    ['2^63 keys', patched(16, 2n ** 63n), /promises .* 9223372036854775808 keys/],
    ['a key of 2^62 bytes', patched(24, 2n ** 62n), /String length/],
    ['an array longer than the file', array, /./],
    [
      'no architecture',
      writeGguf({ x: 'y' }, tinyTensors),
      /expected "general\.architecture" to be a string, found nothing/,
    ],
    ['architecture is a number', writeGguf({ 'general.architecture': 5 }, tinyTensors), /found 5 of type number/],
    ['no tensors', writeGguf({ 'general.architecture': 'llama' }), /holds no tensors/],
  ]
  for (const [name, content, message] of cases) {
    writeFileSync(path, content)
    await t.rejects(readGgufHeader(path), { code: 'ERR_MODEL_INVALID', message }, name)
  }
})

t.test('parts and adapters are refused', async (t) => {
  const part = join(t.testdir({ 'a-00001-of-00002.gguf': good }), 'a-00001-of-00002.gguf')
  await t.rejects(readGgufHeader(part), { code: 'ERR_UNSUPPORTED_MODEL', message: /split GGUF/ })
  const path = join(t.testdir({}), 'a.gguf')
  writeFileSync(path, writeGguf({ ...tinyMetadata, 'split.count': 2 }, tinyTensors))
  await t.rejects(readGgufHeader(path), { code: 'ERR_UNSUPPORTED_MODEL', message: /split GGUF/ })
  writeFileSync(path, writeGguf({ ...tinyMetadata, 'general.type': 'adapter' }, tinyTensors))
  await t.rejects(readGgufHeader(path), { code: 'ERR_UNSUPPORTED_MODEL', message: /found "adapter"/ })
  await t.rejects(readGgufHeader(`${path}x`), { code: 'ERR_MODEL_NOT_FOUND' })
})
