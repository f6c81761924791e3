import t from 'tap'
import { parseReference } from '#lib/references/reference.js'

const hub = (fields: object) => ({
  ...{ kind: 'hub', repo: 'owner/repo', revision: undefined, path: '', quantization: '' },
  ...{ name: undefined, explicit: true, ...fields },
})

t.test('what each form means', async (t) => {
  const cases: Record<string, object> = {
    'owner/repo': hub({ explicit: false }),
    'owner/repo@v1.0': hub({ explicit: false, revision: 'v1.0' }),
    'owner/repo@refs%2Fpr%2F1/int4': hub({ explicit: false, revision: 'refs/pr/1', path: 'int4' }),
    'owner/repo:Q4_K_M': hub({ explicit: false, quantization: 'Q4_K_M' }),
    'owner/repo@main:Q4_K_M': hub({ explicit: false, revision: 'main', quantization: 'Q4_K_M' }),
    'owner/repo/sub/folder': hub({ explicit: false, path: 'sub/folder' }),
    'owner/repo/model.yaml': hub({ explicit: false, path: 'model.yaml' }),
    'huggingface://owner/repo/model.yaml': hub({ path: 'model.yaml' }),
    'huggingface://owner/repo/all.yaml#b': hub({ path: 'all.yaml', name: 'b' }),
    'hf://owner/repo@main/a.gguf': hub({ revision: 'main', path: 'a.gguf' }),
    'hf.co/owner/repo:q4_0': hub({ quantization: 'q4_0' }),
    'HF://owner/repo/': hub({}),
    'https://hf.co/owner/repo': hub({}),
    'https://huggingface.co/owner/repo/tree/main/int4': hub({ revision: 'main', path: 'int4' }),
    'https://huggingface.co/owner/repo/blob/v2/model.yaml?download=true': hub({ revision: 'v2', path: 'model.yaml' }),
    'github:owner/repo/models/a.yaml@dev': {
      ...{ kind: 'url', url: 'https://raw.githubusercontent.com/owner/repo/dev/models/a.yaml', name: undefined },
    },
    'github:owner/repo/a.yml': {
      kind: 'url',
      url: 'https://raw.githubusercontent.com/owner/repo/main/a.yml',
      name: undefined,
    },
    'https://example.org/a/model.yaml?x=1#b': { kind: 'url', url: 'https://example.org/a/model.yaml?x=1', name: 'b' },
    'http://127.0.0.1:80/model.yaml': { kind: 'url', url: 'http://127.0.0.1/model.yaml', name: undefined },
    'phi3-medium': { kind: 'name', name: 'phi3-medium' },
    './owner/repo': { kind: 'path', path: './owner/repo', name: undefined },
    '../repo': { kind: 'path', path: '../repo', name: undefined },
    '/owner/repo': { kind: 'path', path: '/owner/repo', name: undefined },
    'C:\\models\\a': { kind: 'path', path: 'C:\\models\\a', name: undefined },
    'owner/repo/': { kind: 'path', path: 'owner/repo/', name: undefined },
    'models/a.gguf': { kind: 'path', path: 'models/a.gguf', name: undefined },
    'models/model.yaml#b': { kind: 'path', path: 'models/model.yaml', name: 'b' },
    'file:///models/a': { kind: 'path', path: 'file:///models/a', name: undefined },
    'my models/a': { kind: 'path', path: 'my models/a', name: undefined },
    '.': { kind: 'path', path: '.', name: undefined },
  }
  for (const [text, expected] of Object.entries(cases)) t.strictSame(parseReference(text), expected, text)
})

t.test(
  'hostile and malformed ones: with a scheme an error that says the form, else a path that is not there',
  async (t) => {
    const rests = [
      ...[
        '',
        'owner',
        '/repo',
        'owner/',
        '../repo',
        'owner/..',
        'owner/../etc',
        'owner/repo/../../x',
        'owner/repo/./x',
      ],
      ...[
        'owner/repo//x',
        'owner/re po',
        'owner/repo\\x',
        'owner/repo@',
        'owner/repo@..',
        'owner/repo@a..b',
        'owner/repo@-x',
      ],
      ...[
        'owner/repo@a%2F..%2Fb',
        'owner/repo@%zz',
        'owner/repo:',
        'owner/repo:a:b',
        'owner/repo:../x',
        'owner/repo:Q4_0/x',
        'owner/a--b',
        '-o/repo',
      ],
      ...[
        'owner/repo.git',
        'o/r/a?b',
        'o/r/a%2fb',
        'o/r/\u0001',
        `${'o'.repeat(97)}/r`,
        `o/r/${'x'.repeat(3000)}`,
        'ö/r',
      ],
    ]
    for (const rest of rests) {
      for (const scheme of ['huggingface://', 'hf://', 'hf.co/'])
        t.throws(() => parseReference(scheme + rest), { code: 'ERR_REFERENCE', message: /expected/ }, scheme + rest)
      if (rest.includes('/')) t.equal(parseReference(rest).kind, 'path', rest)
    }
    const others = ['github:a', 'github:a/b', 'github:a/b/../c.yaml', 'github:a/b/c.txt', 'github:a/b/c.yaml@x y']
    const servers = [
      'http://example.org/model.yaml',
      'https://user:secret@example.org/m.yaml',
      'https://example.org/m.gguf',
      'https://',
      'http://127.0.0.1.evil.org/m.yaml',
    ]
    for (const text of [...others, ...servers]) t.throws(() => parseReference(text), { code: 'ERR_REFERENCE' }, text)
  },
)
