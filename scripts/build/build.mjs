// @ts-check
import { chmod, cp } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Complaint, root, run, runMain } from '../run.mjs'
import { buildAddon, checkTools } from './cmake.mjs'
import { writeErrorCodes } from './error-codes.mjs'
import { grammarLibrary, leftOut } from './grammar.mjs'
import { needsDownload, openvinoFolder } from './openvino.mjs'
import { buildPage } from './page.mjs'
import { copyRuntimeLibraries } from './runtime-libraries.mjs'
import { selfTestFolder } from './self-test.mjs'
import { exists } from './wheel.mjs'

const usage = `node scripts/build/build.mjs [--js | --native | --addon]
  builds the addon, puts OpenVINO's libraries beside it, compiles the TypeScript and bundles the chat page
  --js      only the TypeScript and the page
  --native  only the addon and the libraries
  --addon   only the addon (what node-gyp calls)`

runMain(async () => {
  const { values } = parseArgs({
    options: {
      js: { type: 'boolean' },
      native: { type: 'boolean' },
      addon: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(usage)
    return
  }
  checkDependencies()
  const all = !values.js && !values.native && !values.addon
  if (all || values.native || values.addon) await buildNative(all || Boolean(values.native))
  if (all || values.js) await compileTypeScript()
  await copySelfTest()
})

/** The tools of package.json are absent after an install without development dependencies. */
function checkDependencies() {
  const require = createRequire(import.meta.url)
  for (const name of ['cmake-js/package.json', 'node-addon-api/package.json', 'typescript/package.json']) {
    try {
      require.resolve(name)
    } catch {
      throw new Complaint(
        `${name.replace('/package.json', '')} is not installed: run npm install in ${root}, with development dependencies.`,
      )
    }
  }
}

/** @param {boolean} withLibraries */
async function buildNative(withLibraries) {
  const tools = await checkTools(await needsDownload())
  const openvino = await openvinoFolder()
  await writeErrorCodes()
  const grammar = await grammarLibrary()
  if (grammar.reason !== undefined) console.error(leftOut(grammar.reason))
  await buildAddon(openvino, tools, grammar.folder)
  const release = join(root, 'build', 'Release')
  const addon = join(release, 'openvino_llm.node')
  if (!(await exists(addon))) throw new Complaint(`The build ended without an error but did not make ${addon}.`)
  if (withLibraries) await copyRuntimeLibraries(openvino, release)
}

/** The model that `doctor --report` tries lies beside the addon, as in a platform's package. */
async function copySelfTest() {
  await cp(selfTestFolder, join(root, 'build', 'Release', 'self-test'), { recursive: true })
}

async function compileTypeScript() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const code = await run(process.execPath, [tsc, '-b'])
  if (code !== 0) throw new Complaint('The TypeScript does not compile (see above).')
  await buildPage()
  const cli = join(root, 'dist', 'cli', 'main.js')
  if (await exists(cli)) await chmod(cli, 0o755)
}
