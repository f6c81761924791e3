// @ts-check
import { join } from 'node:path'
import { root } from '../run.mjs'

/** The model of `openvino-llm doctor --report`, with what it answers. */
export const selfTestFolder = join(root, 'test', 'fixtures', 'self-test')
