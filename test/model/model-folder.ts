import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'

const fixture = join('test', 'fixtures', 'ir', 'tiny-llama-fp32')
const names = [
  'openvino_model.xml',
  'openvino_model.bin',
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
]

/** A copy of the tiny model with some files replaced (objects become JSON) or, by null, left out. */
export function modelFolder(
  t: Pick<Test, 'testdir'>,
  files: Record<string, string | Buffer | object | null> = {},
): string {
  const folder = t.testdir({})
  for (const name of names) copyFileSync(join(fixture, name), join(folder, name))
  for (const [name, content] of Object.entries(files)) {
    rmSync(join(folder, name), { force: true })
    if (content === null) continue
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(
      join(folder, name),
      typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
    )
  }
  return folder
}
