// @ts-check
import { mkdir, readFile, rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cacheFolder } from '../cache.mjs'
import { Complaint, runMain } from '../run.mjs'
import { exists, fetchFromWheel, pinned, platform } from './wheel.mjs'

/** First OpenVINO whose GGUF front end the addon is written for. */
const minimum = { year: 2026, release: 4 }

/** What a complete folder in the cache holds. */
const sentinel = join('openvino', 'cmake', 'OpenVINOConfig.cmake')

/**
 * The OpenVINO to build against: the installed one that OpenVINO_DIR names, else the pinned wheel's, fetched into the
 * cache once.
 * @returns {Promise<string>} the folder that holds OpenVINOConfig.cmake, absolute
 * @throws {Complaint} when there is none for this machine
 */
export async function openvinoFolder() {
  if (process.env.OpenVINO_DIR) return await installed(resolve(process.env.OpenVINO_DIR))
  checkSystem()
  const folder = await wheelFolder()
  await fetchFromWheel('openvino', folder, {
    sentinel,
    async pick(unpacked) {
      const picked = join(unpacked, 'picked')
      // Its CMake files look for ../../openvino/libs, so this folder keeps its name.
      await mkdir(join(picked, 'openvino'), { recursive: true })
      // The rest of the wheel is OpenVINO for Python.
      for (const part of ['cmake', 'include', 'libs']) {
        await rename(join(unpacked, 'openvino', part), join(picked, 'openvino', part))
      }
      return picked
    },
  })
  return join(folder, dirname(sentinel))
}

/**
 * What a prebuilt package ships of OpenVINO: the pinned wheel's libraries and licences, fetched into the cache once.
 * @param {string} of the platform, as wheels.json names it
 * @returns {Promise<{ version: string, cmakeFolder: string, licenses: string }>} folders; that of CMake need not exist
 * @throws {Complaint} when it cannot be fetched
 */
export async function runtimeParts(of) {
  const { version } = await pinned('openvino')
  const folder = join(cacheFolder(), 'openvino', `${version}-${of}-runtime`)
  const licenses = join('openvino', 'licenses')
  await fetchFromWheel('openvino', folder, {
    of,
    sentinel: join(licenses, 'LICENSE'),
    async pick(unpacked) {
      const picked = join(unpacked, 'picked')
      await mkdir(join(picked, 'openvino'), { recursive: true })
      await rename(join(unpacked, 'openvino', 'libs'), join(picked, 'openvino', 'libs'))
      await rename(join(unpacked, `openvino-${version}.dist-info`, 'licenses'), join(picked, licenses))
      return picked
    },
  })
  return { version, cmakeFolder: join(folder, dirname(sentinel)), licenses: join(folder, licenses) }
}

/** @returns {Promise<boolean>} whether {@link openvinoFolder} has to download */
export async function needsDownload() {
  if (process.env.OpenVINO_DIR) return false
  return !(await exists(join(await wheelFolder(), sentinel)))
}

async function wheelFolder() {
  const { version } = await pinned('openvino')
  return join(cacheFolder(), 'openvino', `${version}-${platform}`)
}

/** @param {string} folder */
async function installed(folder) {
  if (!(await exists(join(folder, 'OpenVINOConfig.cmake')))) {
    const inner = ['cmake', join('runtime', 'cmake'), join('openvino', 'cmake')].map((path) => join(folder, path))
    const found = await Promise.all(inner.map((path) => exists(join(path, 'OpenVINOConfig.cmake'))))
    const hint = inner.find((_, i) => found[i])
    throw new Complaint(
      `OpenVINO_DIR: expected the folder that holds OpenVINOConfig.cmake, found none in ${folder}${hint ? `; did you mean ${hint}?` : '.'}`,
    )
  }
  const versionFile = join(folder, 'OpenVINOConfig-version.cmake')
  const text = await readFile(versionFile, 'utf8').catch(() => '')
  const [year, release] = ['MAJOR', 'MINOR'].map((part) =>
    Number(new RegExp(`PACKAGE_VERSION_${part} (\\d+)`).exec(text)?.[1] ?? 0),
  )
  const version = `${year}.${release}`
  if (Number(year) < minimum.year || (year === minimum.year && Number(release) < minimum.release)) {
    throw new Complaint(
      `OpenVINO_DIR: expected OpenVINO ${minimum.year}.${minimum.release} or newer, found ${year ? version : 'no version'} in ${versionFile}.`,
    )
  }
  return folder
}

/** Says what pip could only say as "no matching distribution", or the loader at run time. */
function checkSystem() {
  if (process.platform !== 'linux') return
  // Without this the report looks up the names of all open sockets. Node's types do not know it yet.
  Object.assign(process.report, { excludeNetwork: true })
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
  const glibc = report.header.glibcVersionRuntime
  const needed = process.arch === 'arm64' ? 35 : 28
  const [major, minor] = (glibc ?? '0.0').split('.').map(Number)
  if (Number(major) > 2 || (major === 2 && Number(minor) >= needed)) return
  throw new Complaint(
    `OpenVINO's Linux libraries need glibc 2.${needed} or newer; this system has ${glibc ? `glibc ${glibc}` : 'another C library (musl?)'}. OpenVINO_DIR names an OpenVINO built for it.`,
  )
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  runMain(async () => console.log(await openvinoFolder()))
}
