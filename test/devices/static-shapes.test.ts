import t from 'tap'
import { staticShapes } from '#lib/devices/static-shapes.js'

t.test('fixed lengths: as asked for, within the context', async (t) => {
  t.same(staticShapes({}, 4096), { maxPrompt: 1024, minResponse: 128 })
  t.same(staticShapes({}, 256), { maxPrompt: 128, minResponse: 128 })
  t.same(staticShapes({}, 2), { maxPrompt: 1, minResponse: 1 })
  t.same(staticShapes({ contextLength: 3000 }, 4096), { maxPrompt: 2872, minResponse: 128 })
  t.same(staticShapes({ maxPromptLength: 3000, minResponseLength: 1000 }, 4096), { maxPrompt: 3000, minResponse: 1000 })
  t.throws(() => staticShapes({ maxPromptLength: 4000 }, 4096), {
    code: 'ERR_CONTEXT_LENGTH',
    message: /maxPromptLength and minResponseLength: .*4096 tokens, found 4000 and 128/,
  })
  t.throws(() => staticShapes({ minResponseLength: 300 }, 256), { code: 'ERR_CONTEXT_LENGTH' })
})
