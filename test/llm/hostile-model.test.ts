import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import t from 'tap'
import { LLM } from '#lib/index.js'
import { tiny } from './fixtures.js'

const parent = mkdtempSync(join(tmpdir(), 'openvino-llm-hostile-'))
t.teardown(() => rmSync(parent, { recursive: true, force: true }))
let count = 0

/** A copy of a tiny model with one thing wrong. */
function broken(change: (file: (name: string) => string) => void, name = 'tiny-llama'): string {
  const folder = join(parent, `${count++}`, name)
  cpSync(tiny(name), folder, { recursive: true })
  change((file) => join(folder, file))
  return folder
}

const edited = (file: string, edit: (text: string) => string) => writeFileSync(file, edit(readFileSync(file, 'utf8')))
const xml = 'openvino_model.xml'

const cases: [string, (file: (name: string) => string) => void, string, RegExp][] = [
  ['an empty xml', (file) => writeFileSync(file(xml), ''), 'ERR_MODEL_INVALID', /openvino_model\.xml/],
  ['an xml that is none', (file) => writeFileSync(file(xml), 'hello'), 'ERR_MODEL_INVALID', /openvino_model\.xml/],
  ['half an xml', (file) => truncateSync(file(xml), 50_000), 'ERR_MODEL_INVALID', /openvino_model\.xml/],
  ['no xml', (file) => rmSync(file(xml)), 'ERR_MODEL_NOT_FOUND', /openvino_model\.xml/],
  ['no bin', (file) => rmSync(file('openvino_model.bin')), 'ERR_MODEL_NOT_FOUND', /openvino_model\.bin/],
  ['an empty bin', (file) => writeFileSync(file('openvino_model.bin'), ''), 'ERR_MODEL_INVALID', /openvino_model\.bin/],
  [
    'a bin shorter than the xml says',
    (file) => truncateSync(file('openvino_model.bin'), 1000),
    'ERR_MODEL_INVALID',
    /openvino_model\.xml.*bin/,
  ],
  [
    'an offset beyond the bin',
    (file) => edited(file(xml), (text) => text.replace(/offset="\d{4,}"/, 'offset="18446744073709551000"')),
    'ERR_MODEL_INVALID',
    /openvino_model\.xml/,
  ],
  [
    'edges that form a cycle',
    (file) =>
      edited(file(xml), (text) => {
        const edges = [...text.matchAll(/<edge from-layer="(\d+)" from-port="(\d+)" to-layer="(\d+)"/g)]
        const [first, last] = [edges[0] as RegExpMatchArray, edges.at(-2) as RegExpMatchArray]
        return text.replace(first[0], `<edge from-layer="${last[3]}" from-port="${last[2]}" to-layer="${first[3]}"`)
      }),
    'ERR_MODEL_INVALID',
    /openvino_model\.xml: expected a graph without cycles/,
  ],
  [
    'inputs that are no text decoder',
    (file) => edited(file(xml), (text) => text.replaceAll('"input_ids"', '"inputs_embeds"')),
    'ERR_UNSUPPORTED_MODEL',
    /openvino_model\.xml: .*found .*inputs_embeds/,
  ],
  [
    'an input more than a text decoder has',
    (file) => edited(file(xml), (text) => text.replaceAll('"position_ids"', '"pixel_values"')),
    'ERR_UNSUPPORTED_MODEL',
    /pixel_values/,
  ],
  [
    'no logits',
    (file) => edited(file(xml), (text) => text.replaceAll('"logits"', '"scores"')),
    'ERR_UNSUPPORTED_MODEL',
    /logits/,
  ],
  ['a config that is no JSON', (file) => writeFileSync(file('config.json'), '{'), 'ERR_MODEL_INVALID', /config\.json/],
  [
    'a context that is no number',
    (file) =>
      edited(file('config.json'), (text) =>
        text.replace(/"max_position_embeddings": \d+/, '"max_position_embeddings": "x"'),
      ),
    'ERR_MODEL_INVALID',
    /config\.json.*max_position_embeddings/,
  ],
  [
    'a tokenizer that is no JSON',
    (file) => writeFileSync(file('tokenizer.json'), 'no'),
    'ERR_TOKENIZER_INVALID',
    /tokenizer\.json/,
  ],
  [
    'a tokenizer of 100 MB',
    (file) => truncateSync(file('tokenizer.json'), 100e6),
    'ERR_TOKENIZER_INVALID',
    /tokenizer\.json/,
  ],
]

for (const [name, change, code, message] of cases) {
  t.test(name, async (t) => {
    await t.rejects(LLM.load(broken(change)), { name: 'LLMError', code, message })
  })
}

t.test('random damage to the graph never takes the process along', async (t) => {
  let state = 5
  const random = (n: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return Math.floor((state / 2 ** 31) * n)
  }
  const source = readFileSync(join(tiny('tiny-llama'), xml), 'utf8')
  const patterns = [
    /offset="\d+"/g,
    / size="\d+"/g,
    /shape="[\d, ]+"/g,
    /element_type="\w+"/g,
    /from-layer="\d+"/g,
    /to-layer="\d+"/g,
  ]
  const values = ['0', '-1', '7', '350', '4294967296', '18446744073709551615', '', 'x']
  let refused = 0
  for (let round = 0; round < 48; round++) {
    const matches = [...source.matchAll(patterns[round % patterns.length] as RegExp)]
    const match = matches[random(matches.length)] as RegExpMatchArray
    const at = match.index as number
    const [name] = match[0].split('=')
    const damaged = `${source.slice(0, at)}${name}="${values[random(values.length)]}"${source.slice(at + match[0].length)}`
    const folder = broken((file) => writeFileSync(file(xml), damaged))
    try {
      await using llm = await LLM.load(folder)
      await llm.generate({ tokens: [3, 4] }, { maxNewTokens: 2 })
    } catch (error) {
      refused++
      t.match((error as { code?: string }).code, /^ERR_/, `${match[0]} in ${basename(folder)}`)
    }
    rmSync(folder, { recursive: true })
  }
  t.ok(refused > 30, `${refused} of 48 refused`)
  t.equal(existsSync(join(tiny('tiny-llama'), xml)), true)
})
