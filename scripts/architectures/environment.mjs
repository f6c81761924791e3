// @ts-check
import { join } from 'node:path'
import { makeOnce } from '../../bench/once.mjs'
import { cacheFolder } from '../cache.mjs'
import { Complaint, root } from '../run.mjs'
import { makeVenv, pipInstall, venvPython } from '../venv.mjs'

/** Where everything of this script lies. */
export const workFolder = join(cacheFolder(), 'architectures')

/** The version of transformers inside the environment. The others lie beside it, each for the model types that need it. */
const latest = '5.5.4'

/** @type {Record<string, string[]>} packages that another version of transformers needs in other versions */
const others = {
  '4.53.3': ['huggingface_hub==0.36.0', 'tokenizers==0.21.4'],
  '4.57.6': ['huggingface_hub==0.36.0'],
  '5.0.0': [],
  '5.2.0': [],
}

const exporter = [
  'optimum-intel==2.2.0',
  'nncf==3.4.0',
  'openvino==2026.4.1',
  'torch==2.10.0',
  'openvino-tokenizers==2026.4.1.0',
]

/**
 * Makes the virtual environment of the exporter, once.
 * @returns {Promise<{ python: string, environment: (transformers: string) => NodeJS.ProcessEnv }>} its Python, and what makes that take a
 *   version of transformers
 * @throws {Complaint} when it cannot be installed
 */
export async function installExporter() {
  const target = join(workFolder, 'optimum-intel-2.2.0')
  await makeOnce(target, venvPython, async (work) => {
    console.error(`Installing optimum-intel and PyTorch into ${target}, once.`)
    await succeed(makeVenv(work))
    const constraints = join(root, 'test', 'fixtures', 'make', 'freeze.txt')
    const packages = ['--constraint', constraints, `transformers==${latest}`, ...exporter]
    await succeed(pipInstall(join(work, venvPython), ['--no-cache-dir', ...packages]))
  })
  const python = join(target, venvPython)
  for (const [version, packages] of Object.entries(others)) {
    const beside = join(workFolder, `transformers-${version}`)
    await makeOnce(beside, 'transformers', (work) =>
      succeed(
        pipInstall(python, ['--no-cache-dir', '--no-deps', '--target', work, `transformers==${version}`, ...packages]),
      ),
    )
  }
  return {
    python,
    environment: (version) => ({
      ...process.env,
      ...(version === latest ? {} : { PYTHONPATH: join(workFolder, `transformers-${version}`) }),
      HF_HUB_OFFLINE: '1',
      TRANSFORMERS_VERBOSITY: 'error',
      // Sums in another order would move the tokens of another machine.
      OMP_NUM_THREADS: '1',
    }),
  }
}

/** @param {Promise<number>} exit */
async function succeed(exit) {
  if ((await exit) !== 0) throw new Complaint('The exporter could not be installed (see above).')
}
