import { readFileSync } from 'node:fs'
import { LLMError } from '../errors.js'

/** What decides which binaries can run here. */
export interface SystemInfo {
  platform: NodeJS.Platform
  arch: NodeJS.Architecture
  /** Version of the GNU C library, or undefined where there is none: another system than Linux, or one with musl. */
  glibc: string | undefined
  /** The processor's features as Linux names them; undefined where it does not tell. */
  cpuFlags: readonly string[] | undefined
}

/** x86-64-v2 beyond the first x86-64, in Linux's names: what OpenVINO's libraries are compiled for. */
const cpuBaseline = ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3']

/** This machine's. Takes some milliseconds, so only for loading. */
export function systemInfo(): SystemInfo {
  const { platform, arch } = process
  const linux = platform === 'linux'
  return { platform, arch, glibc: linux ? glibcVersion() : undefined, cpuFlags: linux ? cpuFlags() : undefined }
}

function glibcVersion(): string | undefined {
  // Otherwise the report resolves the names of all open sockets. Node's types do not know it yet.
  const previous = Reflect.get(process.report, 'excludeNetwork') as unknown
  Object.assign(process.report, { excludeNetwork: true })
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  Object.assign(process.report, { excludeNetwork: previous ?? false })
  return report.header.glibcVersionRuntime
}

function cpuFlags(): string[] | undefined {
  try {
    return /^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ')
  } catch {
    return undefined
  }
}

/**
 * Says what the system lacks before its loader would, in words about symbols or by an illegal instruction.
 * @param neededGlibc the oldest version of the GNU C library that the binaries run with
 * @throws LLMError `ERR_SYSTEM`
 */
export function checkSystem({ platform, arch, glibc, cpuFlags }: SystemInfo, neededGlibc: string | undefined): void {
  if (platform === 'linux' && glibc === undefined) {
    throw new LLMError(
      'ERR_SYSTEM',
      'this Linux has no GNU C library (it is probably Alpine, with musl), which OpenVINO needs: use an image of Debian or Ubuntu, such as node:24-slim',
    )
  }
  if (glibc !== undefined && neededGlibc !== undefined && olderThan(glibc, neededGlibc)) {
    throw new LLMError(
      'ERR_SYSTEM',
      `this system has glibc ${glibc}, and the prebuilt addon needs ${neededGlibc} or newer: use a newer Linux, or build from source (docs/getting-started.md, "Install")`,
    )
  }
  const missing = arch === 'x64' ? cpuBaseline.filter((flag) => cpuFlags && !cpuFlags.includes(flag)) : []
  if (missing.length > 0) {
    throw new LLMError(
      'ERR_SYSTEM',
      `this processor lacks ${missing.join(', ')}, and OpenVINO needs x86-64-v2 (any Intel processor since 2008); a virtual machine has to pass the host's processor on (QEMU: -cpu host)`,
    )
  }
}

function olderThan(version: string, needed: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [neededMajor = 0, neededMinor = 0] = needed.split('.').map(Number)
  return major < neededMajor || (major === neededMajor && minor < neededMinor)
}
