import { homedir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { cacheRoot, demoModelPath } from '#lib/cache/root.js'

t.test('where the cache is', async (t) => {
  t.equal(cacheRoot({ OPENVINO_LLM_CACHE: '/c', XDG_CACHE_HOME: '/x' }, 'linux'), '/c')
  t.equal(cacheRoot({ XDG_CACHE_HOME: '/x' }, 'linux'), join('/x', 'openvino-llm'))
  t.equal(cacheRoot({ XDG_CACHE_HOME: 'relative' }, 'linux'), join(homedir(), '.cache', 'openvino-llm'))
  t.equal(cacheRoot({}, 'linux'), join(homedir(), '.cache', 'openvino-llm'))
  t.equal(cacheRoot({}, 'darwin'), join(homedir(), 'Library', 'Caches', 'openvino-llm'))
  t.equal(cacheRoot({ LOCALAPPDATA: '/l' }, 'win32'), join('/l', 'openvino-llm'))
  t.equal(demoModelPath(), join(cacheRoot(), 'models', 'SmolLM2-135M-Instruct.Q4_1.gguf'))
})
