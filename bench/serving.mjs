// @ts-check
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

// The process of a server: opens the model of the setup that it is sent, listens, and says where. Then it says how much CPU time it has
// used, whenever it is asked.

/** @param {import('./worker.mjs').Setup} setup */
async function serve(setup) {
  const { createServer } = await import(pathToFileURL(join(dirname(setup.runtime), 'server', 'index.js')).href)
  const product = await import(pathToFileURL(setup.runtime).href)
  const { open } = await import(`./sides/${setup.script ? 'scripted' : 'openvino-llm'}.mjs`)
  /** @type {import('./worker.mjs').Opened} */
  const { llm, settings, folder } = await open(product, setup)
  const { url } = await createServer({ model: llm }).listen({ port: 0 })
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.({ cpuTime: (user + system) / 1000 })
  })
  return { url, settings, folder }
}

process.once('message', (setup) => {
  serve(/** @type {import('./worker.mjs').Setup} */ (setup)).then(
    (serving) => process.send?.(serving),
    (error) => process.send?.({ error: error instanceof Error ? error.message : String(error) }, () => process.exit(1)),
  )
})
// The client has ended.
process.once('disconnect', () => process.exit(0))
