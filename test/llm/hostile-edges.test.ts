import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { tiny } from './fixtures.js'

const parent = mkdtempSync(join(tmpdir(), 'openvino-llm-edges-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))

const source = readFileSync(join(tiny('tiny-llama'), 'openvino_model.xml'), 'utf8')
const edgePattern = /<edge from-layer="(\d+)" from-port="(\d+)" to-layer="(\d+)" to-port="(\d+)" \/>/g

let state = 7
const random = (n: number) => {
  state = (state * 1103515245 + 12345) % 2 ** 31
  return Math.floor((state / 2 ** 31) * n)
}
const one = <T>(list: readonly T[]): T => list[random(list.length)] as T

const space = () => one([' ', '\n', '\t', '\r\n', '   '])
const maybe = () => one(['', '', space()])
const digits = (number: string) =>
  one([
    (text: string) => text,
    (text: string) => `00${text}`,
    (text: string) => [...text].map((digit) => `&#${48 + Number(digit)};`).join(''),
    (text: string) => [...text].map((digit) => `&#x${(48 + Number(digit)).toString(16)};`).join(''),
    // OpenVINO takes these too.
    (text: string) => ` ${text}`,
    (text: string) => `+${text}`,
  ])(number)
const attribute = (name: string, value: string) => {
  const quote = one(['"', "'"])
  return `${name}${maybe()}=${maybe()}${quote}${value}${quote}`
}

/** An edge as nobody writes it, and as OpenVINO reads it. */
function edge([from, fromPort, to, toPort]: readonly string[]): string {
  const attributes = [
    attribute('from-layer', digits(from as string)),
    attribute('from-port', fromPort as string),
    attribute('to-layer', digits(to as string)),
    attribute('to-port', toPort as string),
  ]
  if (random(2) === 0) attributes.reverse()
  if (random(3) === 0) attributes.unshift(attribute('note', '&gt; from-layer= &lt;'))
  const start = `<edge${space()}${attributes.join(space())}${maybe()}`
  return one([`${start}/>`, `${start}></edge${maybe()}>`, `${start}><!-- > --></edge>`, `${start}><a/>text</edge>`])
}

/** The tiny model with a cycle, or with a self-loop, in a spelling of its own. */
function cyclic(): string {
  const edges = [...source.matchAll(edgePattern)].map((match) => match.slice(1))
  const at = random(edges.length - 1)
  const [, , to, toPort] = edges[at] as string[]
  const later = edges[at + random(edges.length - at)] as string[]
  const changed = edges.map((each) => edge(each))
  changed[at] = edge([later[2] as string, later[1] as string, to as string, toPort as string])
  // Two cycles for sure: one that is written plainly at neither end, one of a layer alone.
  changed.push(edge([to as string, '0', to as string, toPort as string]))
  const tag = one(['<edges>', '<edges >', '<edges\n>', "<edges a='>'>", '<!-- --><edges>', '<?a <edges> ?><edges>'])
  const end = one(['</edges>', '</edges >', '</edges\n>'])
  const between = one(['', '\n', '<!-- <edge/> -->', '<![CDATA[<edge>]]>', '<?edge?>', 'text'])
  const body = source.slice(0, source.indexOf('<edges>')) + tag + changed.join(between)
  return body + end + source.slice(source.indexOf('</edges>') + '</edges>'.length)
}

/** Bodies inside bodies. */
const nested = (depth: number): string =>
  `<net name="m" version="11">${'<layers><layer id="0" name="i" type="If" version="opset8"><then_body>'.repeat(depth)}` +
  `${'</then_body></layer></layers>'.repeat(depth)}</net>`

// Reads the graph, as every load does first.
const child = `
  import { readdirSync } from 'node:fs'
  import { join } from 'node:path'
  import { runJob } from '#lib/engine/job.js'
  const codes = []
  for (const name of readdirSync(process.argv[1])) {
    const args = { modelPath: join(process.argv[1], name, 'openvino_model.xml'), device: 'CPU' }
    codes.push(name + ' ' + (await runJob('inspect', args, {}).then(() => 'read', (error) => error.code ?? String(error))))
  }
  console.log(JSON.stringify(codes))
`

/** Reads each model in one process, which must live to tell what each gave. */
async function read(name: string, models: (string | Buffer)[]): Promise<string[]> {
  const group = join(parent, name)
  models.forEach((xml, i) => {
    const folder = join(group, String(i))
    mkdirSync(folder, { recursive: true })
    symlinkSync(resolve(tiny('tiny-llama'), 'openvino_model.bin'), join(folder, 'openvino_model.bin'))
    writeFileSync(join(folder, 'openvino_model.xml'), xml)
  })
  const args = ['--input-type=module', '-e', child, group]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 })
  return JSON.parse(stdout)
}

t.test('the process survives every spelling of edges that form cycles', async (t) => {
  const models = Array.from({ length: 150 }, cyclic)
  const found = await read('cycles', models)
  t.equal(found.length, models.length)
  for (const line of found) t.match(line, /ERR_MODEL_INVALID$/)
})

t.test('it survives files in encodings that OpenVINO would read, and bodies inside bodies without end', async (t) => {
  const utf16 = (text: string) => Buffer.from(text, 'utf16le')
  const models = [utf16(cyclic()), utf16(`\ufeff${cyclic()}`), utf16(cyclic()).swap16(), nested(20_000)]
  for (const line of await read('others', models)) t.match(line, /ERR_MODEL_INVALID$/)
})
