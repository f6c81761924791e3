// @ts-check
/**
 * A platform that prebuilt packages are made for.
 * @typedef {object} Platform
 * @property {string} name of its package
 * @property {string} os as Node names it
 * @property {string} cpu as Node names it
 * @property {string} [libc] as npm names it
 */

/** By the names of wheels.json. @type {Record<string, Platform>} */
export const platforms = {
  'linux-x64': { name: '@openvino-llm/linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' },
  'linux-arm64': { name: '@openvino-llm/linux-arm64-gnu', os: 'linux', cpu: 'arm64', libc: 'glibc' },
  'win32-x64': { name: '@openvino-llm/win32-x64-msvc', os: 'win32', cpu: 'x64' },
  'darwin-arm64': { name: '@openvino-llm/darwin-arm64', os: 'darwin', cpu: 'arm64' },
}
