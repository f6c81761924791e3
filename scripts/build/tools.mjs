// @ts-check
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ask } from '../run.mjs'

/**
 * A tool that a build needs, or the one line that says how to get it.
 * @template T
 * @typedef {{ found: T, missing?: undefined } | { found?: undefined, missing: string }} Tool
 */

/** CMakeLists.txt needs this version or a newer one. */
const minimumCMake = { major: 3, minor: 20 }

/** Older ones do not take `--platform manylinux_2_28_x86_64` for a platform. */
const minimumPip = { major: 19, minor: 3 }

/**
 * @param {string | undefined} text what a tool prints about its version
 * @param {{ major: number, minor: number }} minimum
 */
function isAtLeast(text, minimum) {
  const version = /(\d+)\.(\d+)/.exec(text ?? '')
  if (!version) return false
  const [major, minor] = [Number(version[1]), Number(version[2])]
  return major > minimum.major || (major === minimum.major && minor >= minimum.minor)
}

/**
 * Python 3 with pip, which downloads what wheels.json pins. PYTHON in the environment is tried first.
 * @returns {Promise<Tool<string[]>>} the command and its first arguments
 */
export async function findPython() {
  const candidates = [['python3'], ['python'], ...(process.platform === 'win32' ? [['py', '-3']] : [])]
  if (process.env.PYTHON) candidates.unshift([process.env.PYTHON])
  let withoutPip
  let oldPip
  for (const candidate of candidates) {
    const [command, ...args] = /** @type {[string]} */ (candidate)
    const major = await ask(command, [...args, '-c', 'import sys; print(sys.version_info[0])'])
    if (major !== '3') continue
    const pip = await ask(command, [...args, '-m', 'pip', '--version'])
    if (isAtLeast(pip, minimumPip)) return { found: candidate }
    const name = candidate.join(' ')
    if (pip === undefined) withoutPip ??= name
    else
      oldPip ??= `${name} has ${pip.split(' ', 2).join(' ')}, expected ${minimumPip.major}.${minimumPip.minor} or newer: ${name} -m pip install --upgrade pip.`
  }
  if (oldPip) return { missing: oldPip }
  if (withoutPip) {
    return {
      missing: `pip was not found (${withoutPip} -m pip fails). Debian/Ubuntu: sudo apt install python3-pip. Fedora: sudo dnf install python3-pip. macOS and Windows: ${withoutPip} -m ensurepip --upgrade.`,
    }
  }
  return {
    missing: `Python 3 was not found (tried ${candidates.map((c) => c.join(' ')).join(', ')}). Debian/Ubuntu: sudo apt install python3 python3-pip. Fedora: sudo dnf install python3 python3-pip. macOS: brew install python. Windows: winget install Python.Python.3.13.`,
  }
}

/**
 * A C++ compiler: g++ or clang++ on the PATH or CXX in the environment, on Windows Visual Studio's.
 * @returns {Promise<Tool<{ extraArgs: string[] }>>} arguments that make cmake-js use it
 */
export async function findCompiler() {
  if (process.platform === 'win32') {
    const programs = process.env['ProgramFiles(x86)'] ?? 'C:\\Program Files (x86)'
    const vswhere = join(programs, 'Microsoft Visual Studio', 'Installer', 'vswhere.exe')
    const tools = 'Microsoft.VisualStudio.Component.VC.Tools.x86.x64'
    const query = ['-latest', '-products', '*', '-requires', tools, '-property', 'installationPath']
    if (existsSync(vswhere) && (await ask(vswhere, query))) return { found: { extraArgs: [] } }
  } else {
    // --version has to succeed: macOS has a g++ that only offers to install the real one.
    if ((await ask('g++', ['--version'])) || (await ask('clang++', ['--version']))) return { found: { extraArgs: [] } }
    const { CXX, CC } = process.env
    if (CXX && (await ask(CXX, ['--version']))) return { found: { extraArgs: [`--cxx=${CXX}`, `--cc=${CC || CXX}`] } }
  }
  return {
    missing:
      'A C++ compiler was not found (tried g++, clang++, CXX and Visual Studio). Debian/Ubuntu: sudo apt install build-essential. Fedora: sudo dnf install gcc-c++ make. macOS: xcode-select --install. Windows: winget install Microsoft.VisualStudio.2022.BuildTools, with the workload "Desktop development with C++".',
  }
}

/** @returns {Promise<boolean>} whether CMake is on the PATH and new enough */
export async function hasCMake() {
  return isAtLeast(await ask('cmake', ['--version']), minimumCMake)
}

/** What CMake needs beside a compiler; Visual Studio brings its own. */
export async function hasMake() {
  if (process.platform === 'win32') return true
  return Boolean((await ask('ninja', ['--version'])) ?? (await ask('make', ['--version'])))
}

/** The line for a missing CMake that pip cannot bring either. */
export const missingCMake = `CMake ${minimumCMake.major}.${minimumCMake.minor} or newer was not found, and without pip it cannot be fetched. Debian/Ubuntu: sudo apt install cmake. Fedora: sudo dnf install cmake. macOS: brew install cmake. Windows: winget install Kitware.CMake.`

/** The line for a missing make that pip cannot replace by Ninja either. */
export const missingMake =
  'make or ninja was not found, and without pip ninja cannot be fetched. Debian/Ubuntu: sudo apt install make. Fedora: sudo dnf install make. macOS: xcode-select --install.'
