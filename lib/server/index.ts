export type { Listening } from './listen.js'
export type { ServedModel } from './models.js'
export type { AccessRecord, ApiKey, ListenOptions, ServerOptions } from './options.js'
export { createServer, type Server } from './server.js'
