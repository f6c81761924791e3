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

/** A little-endian header byte by byte, with one tensor that holds nothing. */
function raw(...pairs: Buffer[]): Buffer {
  const tensor = Buffer.concat([text('x'), u32(1), u64(0n), u32(0), u64(0n)])
  return Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(1n),
    u64(BigInt(pairs.length)),
    ...pairs,
    tensor,
    Buffer.alloc(32),
  ])
}
function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}
function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([u64(BigInt(bytes.length)), bytes])
}
const pair = (key: string, type: number, value: Buffer): Buffer => Buffer.concat([text(key), u32(type), value])
const array = (type: number, length: bigint, ...elements: Buffer[]): Buffer =>
  Buffer.concat([u32(type), u64(length), ...elements])
const architecture = pair('general.architecture', 8, text('llama'))

t.test('every type of value', async (t) => {
  const path = join(t.testdir({}), 'a.gguf')
  const values: [type: number, bytes: Buffer, value: unknown][] = [
    [0, Buffer.from([200]), 200],
    [1, Buffer.from([200]), -56],
    [2, Buffer.from([1, 200]), 51201],
    [3, Buffer.from([1, 200]), -14335],
    [4, u32(0xffffffff), 0xffffffff],
    [5, u32(0xffffffff), -1],
    [6, u32(0x3fc00000), 1.5],
    [7, Buffer.from([1]), true],
    [8, text('é'), 'é'],
    [9, array(5, 2n, u32(1), u32(2)), [1, 2]],
    [9, array(8, 0n), []],
    [10, u64(5n), 5],
    [10, u64(2n ** 64n - 1n), 2n ** 64n - 1n],
    [11, u64(2n ** 64n - 1n), -1],
    [12, u64(0x3ff8000000000000n), 1.5],
  ]
  writeFileSync(
    path,
    raw(architecture, pair('__proto__', 4, u32(7)), ...values.map(([type, bytes], i) => pair(`k${i}`, type, bytes))),
  )
  const { metadata } = await readGgufHeader(path)
  for (const [i, [type, , value]] of values.entries()) t.strictSame(metadata.get(`k${i}`), value, `type ${type}`)
  t.equal(metadata.get('__proto__'), 7)
})

t.test('strings keep their bytes, wherever the reads of the file cut them', async (t) => {
  // A byte order mark is part of a token: Gemma 3 has the tokens "\uFEFF//" and "//".
  const strings = ['//', '\uFEFF//', '\uFEFF', 'e\0', '\u{1F999}', '']
  // Of odd length, so that each place of the four-byte characters falls on the borders of 1 MiB once.
  const long = '\u{1F999}'.repeat(2 ** 20)
  const path = join(t.testdir({}), 'a.gguf')
  for (const shift of ['', 'a', 'ab', 'abc']) {
    const tokens = [shift, ...strings, ...Array.from({ length: 200 }, () => '\u{1F999}'.repeat(6553)), long, ...strings]
    writeFileSync(path, raw(architecture, pair('t', 9, array(8, BigInt(tokens.length), ...tokens.map(text)))))
    t.ok((await readGgufHeader(path)).metadata.strings('t')?.every((token, i) => token === tokens[i]))
  }
})

t.test('hostile headers are refused', async (t) => {
  const path = join(t.testdir({}), 'a.gguf')
  const patched = (offset: number, value: bigint): Buffer => {
    const copy = Buffer.from(good)
    copy.writeBigUInt64LE(value, offset)
    return copy
  }
  const oneTensor = (...parts: Buffer[]): Buffer =>
    Buffer.concat([Buffer.from('GGUF'), u32(3), u64(1n), u64(1n), architecture, ...parts, Buffer.alloc(64)])
  const cases: [name: string, content: Buffer, message: RegExp][] = [
    ['not GGUF', Buffer.from('PK'.repeat(50)), /expected a GGUF file/],
    ['2^63 tensors', patched(8, 2n ** 63n), /expected 9223372036854775808 tensors/],
    ['10 million tensors', patched(8, 10_000_000n), /expected 10000000 tensors/],
    ['2^63 keys', patched(16, 2n ** 63n), /expected 9223372036854775808 keys/],
    ['a key of 2^62 bytes', patched(24, 2n ** 62n), /expected 4611686018427387904 bytes of the name of key 0/],
    [
      'an array longer than the file',
      raw(architecture, pair('x', 9, array(8, 999_999n))),
      /expected 999999 elements of "x"/,
    ],
    [
      'an array of 2^64 - 1',
      raw(architecture, pair('x', 9, array(0, 2n ** 64n - 1n))),
      /expected 18446744073709551615/,
    ],
    [
      'an array of arrays',
      raw(architecture, pair('x', 9, array(9, 1n, array(0, 0n)))),
      /"x".* an array within an array/,
    ],
    ['an unknown type', raw(architecture, pair('x', 13, u32(0))), /"x".*the unknown type 13/],
    ['a key twice', raw(architecture, architecture), /"general\.architecture" once, found it twice/],
    ['neither true nor false', raw(architecture, pair('x', 7, Buffer.from([2]))), /"x" to be true .* found 2/],
    [
      'a key that is not UTF-8',
      raw(pair('', 8, text('')), Buffer.concat([text(Buffer.from([0xff]))])),
      /key 1 to be UTF-8/,
    ],
    ['a value that is not UTF-8', raw(architecture, pair('x', 8, text(Buffer.from([0xc3])))), /"x" to be UTF-8/],
    [
      'a token that is not UTF-8',
      raw(architecture, pair('x', 9, array(8, 1n, text(Buffer.from([0xed, 0xa0, 0x80]))))),
      /each of "x" to be UTF-8/,
    ],
    ['an alignment of 3', raw(architecture, pair('general.alignment', 4, u32(3))), /power of two, found 3/],
    ['5 dimensions', oneTensor(text('x'), u32(5)), /"x" to have at most 4 dimensions, found 5/],
    [
      'half a block',
      oneTensor(text('x'), u32(1), u64(16n), u32(2), u64(0n)),
      /rows of tensor "x" .* of 32 weights, found 16/,
    ],
    ['a tensor in between', oneTensor(text('x'), u32(1), u64(0n), u32(0), u64(8n)), /multiple of 32 bytes, found 8/],
    [
      'factors of another type',
      oneTensor(text('rope_freqs.weight'), u32(1), u64(4n), u32(1), u64(0n)),
      /"rope_freqs\.weight" to hold at most 4096 numbers of type F32/,
    ],
    [
      'factors of zero',
      oneTensor(text('rope_freqs.weight'), u32(1), u64(4n), u32(0), u64(0n)),
      /"rope_freqs\.weight" to hold positive numbers/,
    ],
    ['a tensor of 2^70', oneTensor(text('x'), u32(2), u64(2n ** 35n), u64(2n ** 35n), u32(0), u64(0n)), /truncated/],
    [
      'a tensor twice',
      writeGguf({ 'general.architecture': 'llama' }, { ab: [1], ba: [1] }),
      /tensor "ab" once, found it twice/,
    ],
    [
      'no architecture',
      writeGguf({ x: 'y' }, tinyTensors),
      /expected "general\.architecture" to be a string, found nothing/,
    ],
    ['architecture is a number', writeGguf({ 'general.architecture': 5 }, tinyTensors), /found 5 of type number/],
    ['no tensors', writeGguf({ 'general.architecture': 'llama' }), /holds no tensors/],
  ]
  for (const [name, content, message] of cases) {
    if (name === 'a tensor twice') content.write('ab', content.lastIndexOf('ba'))
    writeFileSync(path, content)
    await t.rejects(readGgufHeader(path), { code: 'ERR_MODEL_INVALID', message }, name)
  }
  // A file with holes costs its writer nothing, so the length of the file bounds nothing.
  writeFileSync(path, raw(architecture, pair('x', 9, array(0, 2n ** 30n))))
  truncateSync(path, 2 ** 31)
  await t.rejects(readGgufHeader(path), { code: 'ERR_MODEL_INVALID', message: /at most 16777216 values/ })
})

t.test('versions and byte orders', async (t) => {
  const path = join(t.testdir({}), 'a.gguf')
  const version = (...bytes: number[]): void => {
    const copy = Buffer.from(good)
    copy.set(bytes, 4)
    writeFileSync(path, copy)
  }
  version(2, 0, 0, 0)
  t.equal((await readGgufHeader(path)).architecture, 'llama')
  for (const [bytes, found] of [
    [[1, 0, 0, 0], 'version 1'],
    [[4, 0, 0, 0], 'version 4'],
    [[99, 0, 0, 0], 'version 99'],
    [[0, 0, 0, 3], 'a big-endian one'],
  ] as const) {
    version(...bytes)
    await t.rejects(readGgufHeader(path), {
      code: 'ERR_UNSUPPORTED_MODEL',
      message: new RegExp(`expected a little-endian GGUF of version 2 or 3, found ${found}`),
    })
  }
})

t.test('parts and adapters are refused', async (t) => {
  const path = join(t.testdir({}), 'a.gguf')
  writeFileSync(path, writeGguf({ ...tinyMetadata, 'split.count': 2 }, tinyTensors))
  await t.rejects(readGgufHeader(path), {
    code: 'ERR_UNSUPPORTED_MODEL',
    message: /1 of 2 parts.*00001-of-00002\.gguf/,
  })
  t.equal((await readGgufHeader(path, { part: true })).architecture, 'llama')
  writeFileSync(path, writeGguf({ ...tinyMetadata, 'general.type': 'adapter' }, tinyTensors))
  await t.rejects(readGgufHeader(path), { code: 'ERR_UNSUPPORTED_MODEL', message: /found "adapter"/ })
  await t.rejects(readGgufHeader(`${path}x`), { code: 'ERR_MODEL_NOT_FOUND' })
})
