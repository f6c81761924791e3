// @ts-check
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { exists } from '../build/wheel.mjs'
import { cacheFolder } from '../cache.mjs'
import { ask, Complaint, root, run } from '../run.mjs'
import { makeVenv, pipInstall, venvPython } from '../venv.mjs'

const sources = join(root, 'test', 'gpu', 'layer')
const requirements = join(root, 'test', 'gpu', 'requirements.txt')

/**
 * What makes OpenVINO's GPU plugin find a device on this machine: an OpenCL runtime that computes on the CPU, and before it the layer of
 * test/gpu/layer. Both are made once and stay in the cache folder, as do built kernels.
 * @param {boolean} accepted whether the user accepts the licence of the runtime
 * @returns {Promise<Record<string, string>>} environment variables
 * @throws {Complaint} when something cannot be had
 */
export async function emulatedGpu(accepted) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Complaint('The emulated GPU needs Linux on x86-64: there is no other build of its OpenCL runtime.')
  }
  const folder = join(cacheFolder(), 'emulated-gpu')
  await mkdir(folder, { recursive: true })
  const libraries = await openclRuntime(folder, accepted)
  const layer = await builtLayer(folder)
  const kernels = join(folder, `sealed-kernels-${await fingerprint([requirements], await instructions())}`)
  await mkdir(kernels, { recursive: true })
  return {
    OCL_ICD_FILENAMES: join(libraries, 'libintelocl.so'),
    OPENCL_LAYERS: layer,
    LD_LIBRARY_PATH: libraries,
    // The runtime needs a newer TBB than the one that OpenVINO brings, and a process has one.
    LD_PRELOAD: join(libraries, 'libtbb.so.12'),
    EMULATED_GPU_CACHE: kernels,
    // What OpenVINO compiled with another layer is that of another driver: its kernels may be mended otherwise.
    EMULATED_GPU_DRIVER: basename(layer, '.so'),
  }
}

/**
 * @param {string} folder
 * @param {boolean} accepted
 * @returns {Promise<string>} the folder of its libraries
 */
async function openclRuntime(folder, accepted) {
  const runtime = join(folder, `runtime-${await fingerprint([requirements])}`)
  if (!(await exists(runtime))) {
    if (!accepted) {
      throw new Complaint(
        `These tests need Intel's OpenCL runtime for CPUs (276 MB, from PyPI). Its licence is the "Intel End User License Agreement for
Developer Tools": https://www.intel.com/content/www/us/en/developer/articles/license/end-user-license-agreement.html
It is not part of this project. If you accept its licence: npm run test:gpu -- --accept-intel-eula`,
      )
    }
    console.error(`Installing Intel's OpenCL runtime into ${runtime}`)
    const work = `${runtime}.tmp-${process.pid}`
    try {
      if ((await makeVenv(work)) !== 0) throw new Complaint('No virtual environment could be made.')
      const pip = ['--require-hashes', '--no-deps', '--only-binary=:all:', '-r', requirements]
      if ((await pipInstall(join(work, venvPython), pip)) !== 0) throw new Complaint('pip install failed, see above.')
      await rename(work, runtime)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
  }
  return join(runtime, 'lib')
}

/**
 * @param {string} folder
 * @returns {Promise<string>} the library
 */
async function builtLayer(folder) {
  const files = (await readdir(sources)).sort().map((name) => join(sources, name))
  const library = join(folder, `layer-${await fingerprint(files)}.so`)
  if (await exists(library)) return library
  const compiler = process.env.CXX ?? 'c++'
  if ((await ask(compiler, ['--version'])) === undefined) throw new Complaint(`${compiler} was not found.`)
  const work = `${library}.tmp-${process.pid}`
  const flags = ['-std=c++20', '-O1', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared']
  const units = files.filter((path) => path.endsWith('.cc'))
  if ((await run(compiler, [...flags, '-o', work, ...units], { stdio: ['ignore', 2, 2] })) !== 0) {
    await rm(work, { force: true })
    throw new Complaint('The layer could not be built (see above). Debian and Ubuntu: apt-get install opencl-headers.')
  }
  await rename(work, library)
  return library
}

/**
 * Of the contents of files, and of a text.
 * @param {string[]} files
 */
async function fingerprint(files, text = '') {
  const hash = createHash('sha256').update(text)
  for (const file of files) hash.update(await readFile(file))
  return hash.digest('hex').slice(0, 12)
}

/** What this CPU has: kernels that were built for it run on CPUs with the same instructions only. */
async function instructions() {
  return /^flags.*$/m.exec(await readFile('/proc/cpuinfo', 'utf8'))?.[0] ?? ''
}
