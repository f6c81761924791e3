import { createRequire } from 'node:module'
import { join } from 'node:path'
import { clientsFolder } from '../clients/installed.js'

/**
 * The official client: the one that npm run test:server has installed, which is the newest for this version of Node, or else the
 * development dependency.
 */
const require = createRequire(clientsFolder === '' ? import.meta.url : join(clientsFolder, 'package.json'))
export const { OpenAI } = require('openai') as typeof import('openai')
