// @ts-check
/**
 * Where a file of a platform package comes from.
 * @typedef {object} Component
 * @property {string} name
 * @property {string} license as SPDX writes it
 * @property {RegExp} files names of its files
 * @property {boolean} [compiledIn] into the addon
 */

/** Everything that a platform package may hold. @type {Component[]} */
export const components = [
  {
    name: 'openvino-llm',
    license: 'Apache-2.0',
    files: /^(openvino_llm\.node|index\.cjs|package\.json|sbom\.json|README\.md|LICENSE|self-test\/[\w.]+)$/,
  },
  { name: 'node-addon-api', license: 'MIT', files: /^licenses\/node-addon-api\.md$/, compiledIn: true },
  // With the crates that it is made of; scripts/build/grammar.mjs lists them.
  { name: 'llguidance', license: 'MIT', files: /^licenses\/grammar\/.+$/, compiledIn: true },
  {
    name: 'openvino',
    license: 'Apache-2.0',
    files: /^((lib)?openvino(_\w+)?\.(so(\.\d+)?|(\d+\.)?dylib|dll)|cache\.json|licenses\/openvino\/.+)$/,
  },
  { name: 'onetbb', license: 'Apache-2.0', files: /^(lib)?tbb(malloc|bind_2_5)?\d*\.(so\.\d+|(\d+\.)?dylib|dll)$/ },
  {
    name: 'hwloc',
    license: 'BSD-3-Clause',
    files: /^(lib)?hwloc[-.\d]*\.(so\.\d+|(\d+\.)?dylib|dll)$|^libhwloc\.(so\.\d+|\d+\.dylib)$/,
  },
]

/** Licences that a dependency may have: they ask for no more than their text beside the binary. */
export const allowedLicenses = ['Apache-2.0', 'MIT', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD']

/**
 * A bill of materials in CycloneDX 1.6.
 * @param {{ name: string, version: string }} subject
 * @param {{ name: string, version?: string, license: string, purl?: string }[]} parts
 */
export function bill(subject, parts) {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'library', ...subject, purl: purl(subject), licenses: [licenseOf('Apache-2.0')] } },
    components: parts.map(({ license, ...part }) => ({ type: 'library', ...part, licenses: [licenseOf(license)] })),
  }
}

/** @param {{ name: string, version: string }} subject */
export function purl({ name, version }) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}

/** @param {string} license one, or an expression */
function licenseOf(license) {
  return / /.test(license) ? { expression: license } : { license: { id: license } }
}
