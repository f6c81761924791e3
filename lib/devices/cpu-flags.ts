/** What a CPU of each level of OPENVINO_LLM_MAX_CPU_ISA lacks; see native/kernels/cpu_features.h. */
const absent: Readonly<Record<string, RegExp>> = {
  sse41: /^(avx|amx|fma$|f16c$)/,
  avx2: /^(avx512|avx_vnni|amx)/,
  avx2_vnni: /^(avx512|amx)/,
  avx512_core: /^(avx512_|avx_vnni|amx)/,
  avx512_core_vnni: /^(avx512_(?!vnni)|avx_vnni|amx)/,
}

/**
 * The flags in the text of /proc/cpuinfo, of the first processor.
 * @param level the addon rejects one that does not exist; here it leaves all flags
 */
export function cpuFlags(cpuinfo: string, level = ''): string[] {
  const flags = /^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? ''
  return flags.split(' ').filter((flag) => !absent[level]?.test(flag))
}
