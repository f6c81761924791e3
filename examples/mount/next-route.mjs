// The models of a Next.js app, as app/v1/[...path]/route.js: clients use http://localhost:3000/v1.
// next.config.js names this package in serverExternalPackages: it has a native addon.
import { LLM } from 'openvino-llm'
import { createServer } from 'openvino-llm/server'

export const runtime = 'nodejs'
export const dynamic = 'force-dynamic'

// In development Next.js runs this module again after each change; the model stays.
globalThis.models ??= LLM.load(process.env.MODEL ?? './model').then((mine) => createServer({ mine }))

const handler = async (request) => (await globalThis.models).fetch(request)

export { handler as DELETE, handler as GET, handler as POST }
