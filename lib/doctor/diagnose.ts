import { type MeasuredKernel, willMeasureAgain } from '../cache/kernel-choices.js'
import type { Plugin } from '../devices/table.js'
import type { DeviceFile, Machine } from './machine.js'

/** One thing that the doctor found. */
export interface Finding {
  /** `ok`: as it should be; `note`: good to know; `problem`: something that is wanted does not work. */
  level: 'ok' | 'note' | 'problem'
  /** What it is about, e.g. `GPU`. */
  subject: string
  /** In plain words. */
  text: string
  /** Command or step that mends it; absent when nothing needs mending or nothing can. */
  fix?: string
}

/** Instructions that matter for speed, by the names of /proc/cpuinfo, and what they do. */
const instructions: readonly (readonly [string, string, string])[] = [
  ['avx2', 'AVX2', 'needed for many requests at once'],
  ['avx_vnni', 'AVX-VNNI', 'quicker int8 and int4'],
  ['avx512_vnni', 'AVX512-VNNI', 'quicker int8 and int4'],
  ['amx_int8', 'AMX', 'much quicker prompts'],
]

/** What a machine's facts mean, the most basic first. */
export function diagnose(machine: Machine): Finding[] {
  return [...installed(machine), ...processor(machine), ...accelerators(machine), ...foreignOpenVino(machine)]
}

function installed({ versions, addonError, platform, arch }: Machine): Finding[] {
  const libc = versions.glibc === '' ? '' : `, glibc ${versions.glibc}`
  const system = `openvino-llm ${versions.package} on Node ${versions.node}, ${platform} ${arch}${libc}`
  const found: Finding[] = [{ level: 'ok', subject: 'package', text: system }]
  if (addonError !== '') found.push({ level: 'problem', subject: 'addon', text: addonError, fix: 'npm run build' })
  else found.push({ level: 'ok', subject: 'OpenVINO', text: versions.openvino })
  const [major = 0, minor = 0] = versions.glibc.split('.').map(Number)
  if (versions.glibc !== '' && (major < 2 || (major === 2 && minor < 28))) {
    found.push({
      level: 'problem',
      subject: 'glibc',
      text: `OpenVINO needs glibc 2.28 or newer, and this is ${versions.glibc}`,
      fix: 'use a newer distribution, or a container of one',
    })
  }
  if (platform === 'linux' && versions.glibc === '') {
    found.push({
      level: 'problem',
      subject: 'glibc',
      text: 'this Node runs on another C library (musl), and OpenVINO needs glibc',
      fix: 'use an image with glibc, such as node:22-slim instead of node:22-alpine',
    })
  }
  return found
}

function processor({ cpu, plugins, arch, kernels }: Machine): Finding[] {
  const found = [...plugin('CPU', plugins.CPU), ...builtinKernels(kernels)]
  if (cpu.model === '' && cpu.flags.every((flag) => flag === '')) return found
  const has = ([flag]: (typeof instructions)[number]) => cpu.flags.includes(flag)
  const present = instructions.filter(has).map(([, name]) => name)
  const absent = instructions.filter((each) => !has(each)).map(([, name, use]) => `${name} (${use})`)
  const parts = [
    cpu.model,
    present.length > 0 ? `has ${present.join(', ')}` : '',
    absent.length > 0 && arch === 'x64' ? `lacks ${absent.join(', ')}` : '',
  ]
  found.push({ level: 'note', subject: 'CPU', text: parts.filter((part) => part !== '').join('; ') })
  if (arch === 'x64' && !cpu.flags.includes('avx2')) {
    found.push({ level: 'note', subject: 'CPU', text: 'without AVX2 one request is computed at a time, and slowly' })
  }
  return found
}

/** Which kernels multiply with compressed weights here. */
function builtinKernels({ present, measured }: Machine['kernels']): Finding[] {
  const [best] = present
  if (best === undefined) return []
  const finding = (text: string): Finding => ({ level: 'note', subject: 'kernels', text })
  if (best === 'portable') return [finding("there are no built-in kernels for this processor; OpenVINO's are used")]
  const first = `built-in kernels for this processor: ${present.filter((name) => name !== 'portable').join(', ')}`
  if (measured.length === 0)
    return [finding(`${first}; the first load of a model with int4 or int8 weights measures them`)]
  return [finding(first), ...measured.map((each) => finding(measurement(each)))]
}

const layerSizes: Readonly<Record<MeasuredKernel['size'], string>> = {
  small: 'layers below 8M weights',
  large: 'layers from 8M weights',
}

function measurement(found: MeasuredKernel): string {
  const { scheme, size, kernel, ratios, spread, inDoubt, measured, tries, properties, activationSpan } = found
  const span = activationSpan < 0 ? 'int8 by group' : activationSpan > 0 ? `int8 by ${activationSpan}` : 'f32'
  const settings = [layerSizes[size], `activations ${span}`, ...properties].join(', ')
  const name = kernel === 'builtin' ? 'the built-in kernel' : "OpenVINO's kernel"
  const times = ratios.map((ratio) => `${ratio.toFixed(2)}×`).join(', ')
  const when = `measured ${new Date(measured).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const again = willMeasureAgain(found) ? 'a later load measures again' : `the last of ${tries} measurements`
  return (
    `weights ${scheme} (${settings}): ${name}; the built-in one was ${times} as quick for 1, 8 and 128 rows ` +
    `(spread ${(100 * spread).toFixed(0)} %, ${when}${inDoubt ? `, in doubt: ${again}` : ''})`
  )
}

/** A plugin that listed devices, died, or cannot be asked. */
function plugin(name: Plugin, probed: Machine['plugins'][Plugin]): Finding[] {
  if (probed.kind === 'died') {
    return [{ level: 'problem', subject: name, text: `the plugin's process ${probed.how}`, fix: updates[name] }]
  }
  if (probed.kind === 'failed') return []
  return probed.devices.map(({ name: device, fullName, error }) =>
    error === ''
      ? { level: 'ok' as const, subject: device, text: fullName }
      : {
          level: 'problem' as const,
          subject: device,
          text: `its plugin cannot be asked: ${error}`,
          fix: updates[name],
        },
  )
}

const updates: Readonly<Record<Plugin, string>> = {
  CPU: 'npm install openvino-llm again, and report this if it stays',
  GPU: 'update the GPU driver: github.com/intel/compute-runtime/releases, or apt-get install intel-opencl-icd',
  NPU: 'update the NPU driver: github.com/intel/linux-npu-driver/releases',
}

function accelerators(machine: Machine): Finding[] {
  return (['GPU', 'NPU'] as const).flatMap((name) => {
    const probed = machine.plugins[name]
    const seen = plugin(name, probed)
    const kind = name === 'GPU' ? 'gpu' : 'npu'
    const works = seen.some(({ level }) => level === 'ok')
    if (works || probed.kind === 'failed') return seen
    // A plugin that cannot load without its driver is no news where there is nothing to drive.
    const idle = !machine.hardware[kind] && machine.files[kind].length === 0
    if (seen.length > 0 && !idle) {
      return machine.drivers[kind].length > 0 ? seen : [...seen, { subject: name, ...whyNot(name, machine) }]
    }
    return [{ subject: name, ...whyNot(name, machine) }]
  })
}

/** Why a plugin that loads sees no device: the first link that is missing from hardware to driver. */
function whyNot(name: 'GPU' | 'NPU', machine: Machine): Omit<Finding, 'subject'> {
  const kind = name === 'GPU' ? 'gpu' : 'npu'
  const { present, files, drivers } = {
    present: machine.hardware[kind],
    files: machine.files[kind],
    drivers: machine.drivers[kind],
  }
  const folder = kind === 'gpu' ? '/dev/dri' : '/dev/accel'
  if (machine.platform !== 'linux') {
    return {
      level: 'note',
      text: 'not seen by OpenVINO',
      fix: `if there is an Intel ${name}, install its driver: intel.com/drivers`,
    }
  }
  if (files.length === 0) {
    if (!present)
      return {
        level: 'note',
        text: `there is no Intel ${name} in this machine${machine.container ? ', as far as this container shows' : ''}`,
      }
    return machine.container
      ? {
          level: 'problem',
          text: `the machine has an Intel ${name}, but the container was started without ${folder}`,
          fix: `docker run --device ${folder} --group-add $(stat -c %g ${kind === 'gpu' ? '/dev/dri/renderD128' : '/dev/accel/accel0'}) …`,
        }
      : {
          level: 'problem',
          text: `the machine has an Intel ${name}, but no file in ${folder}: the kernel has no driver for it`,
          fix:
            kind === 'gpu'
              ? 'update the kernel (module i915 or xe)'
              : 'sudo modprobe intel_vpu, or a kernel from 6.8 on',
        }
  }
  const locked = files.filter(({ usable }: DeviceFile) => !usable).map(({ path }: DeviceFile) => path)
  if (locked.length === files.length) {
    return {
      level: 'problem',
      text: `this user may not open ${locked.join(', ')}`,
      fix: machine.container
        ? `docker run --group-add $(stat -c %g ${locked[0]}) …`
        : 'sudo usermod -aG render $USER, then log in again',
    }
  }
  if (drivers.length === 0) {
    return {
      level: present ? 'problem' : 'note',
      text: `${files.map(({ path }) => path).join(', ')} can be opened, but Intel's user-space driver is not installed`,
      fix:
        kind === 'gpu' ? 'sudo apt-get install intel-opencl-icd' : 'install github.com/intel/linux-npu-driver/releases',
    }
  }
  return {
    level: present ? 'problem' : 'note',
    text: `device files and driver (${drivers.join(', ')}) are there, and OpenVINO still sees none`,
    fix: updates[name],
  }
}

function foreignOpenVino({ libraryPath, loaded }: Machine): Finding[] {
  const found: Finding[] = []
  if (libraryPath.length > 0) {
    found.push({
      level: 'note',
      subject: 'libraries',
      text: `LD_LIBRARY_PATH names another OpenVINO in ${libraryPath.join(', ')}; this package uses its own all the same`,
      fix: 'unset LD_LIBRARY_PATH, if plugins do not load',
    })
  }
  if (loaded.length > 0) {
    found.push({
      level: 'problem',
      subject: 'libraries',
      text: `this process has another OpenVINO loaded: ${loaded.join(', ')}`,
      fix: 'unset LD_LIBRARY_PATH and LD_PRELOAD, or load the other package in a process of its own',
    })
  }
  return found
}
