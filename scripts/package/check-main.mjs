// @ts-check
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundled } from '../build/page.mjs'
import { filesBelow } from './assemble.mjs'
import { allowedLicenses } from './components.mjs'

/**
 * Everything wrong with the folder of the package without binaries.
 * @param {string} folder
 * @returns {Promise<string[]>}
 */
export async function checkMainFolder(folder) {
  const problems = []
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  for (const path of await filesBelow(folder)) {
    if (
      !/^(dist\/.+\.(js|d\.ts)|dist\/page\/\w+\.(html|css|svg|txt)|package\.json|sbom\.json|README\.md|LICENSE|docs\/[\w-]+\.(md|svg|png))$/.test(
        path,
      )
    )
      problems.push(`${path}: should not be shipped`)
  }
  // npm 12 runs no scripts of dependencies, so nothing may depend on one.
  if (manifest.scripts)
    problems.push(`package.json: expected no scripts, found ${Object.keys(manifest.scripts).join(', ')}`)
  for (const [name, range] of Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    if (!/^\d+\.\d+\.\d+$/.test(String(range)))
      problems.push(`package.json: expected an exact version of ${name}, found ${range}`)
  }
  /** @type {{ components: { name: string, licenses: { license: { id: string } }[] }[] }} */
  const { components } = JSON.parse(await readFile(join(folder, 'sbom.json'), 'utf8'))
  for (const { name, licenses } of components) {
    const other = licenses.map(({ license }) => license.id).filter((id) => !allowedLicenses.includes(id))
    if (other.length > 0)
      problems.push(`sbom.json: ${name} has the licence ${other.join(', ')}, which is not on the list`)
  }
  for (const name of [...Object.keys(manifest.dependencies), ...bundled]) {
    if (!components.some((component) => component.name === name)) problems.push(`sbom.json: ${name} is missing`)
  }
  return problems
}
