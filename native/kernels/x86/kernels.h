// The kernels for x86-64. Each function carries the instruction set it is compiled for: one binary for all processors.
// Nothing of the standard library may be instantiated in those files beside what is inlined for sure: the linker could
// take its copy for the whole program.
#pragma once
#include "kernels/kernel.h"

#if defined(__x86_64__) || defined(_M_X64)
#define LLM_X86
#include <immintrin.h>

// LLM_UNROLL stands before each loop whose length is known: only so do arrays of registers stay in registers.
#ifdef _MSC_VER
#define LLM_TARGET(sets)
#define LLM_UNROLL
#elif defined(__clang__)
#define LLM_TARGET(sets) __attribute__((target(sets)))
#define LLM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LLM_TARGET(sets) __attribute__((target(sets)))
#define LLM_UNROLL _Pragma("GCC unroll 16")
#endif

// A step of a loop: arrays of registers that it is given stay in registers only when it becomes a part of the loop.
#ifdef _MSC_VER
#define LLM_INLINE __forceinline
#else
#define LLM_INLINE inline __attribute__((always_inline))
#endif

// Stands behind each change of an array of registers that is to stay in registers: gcc would reorder and spill.
#if defined(__GNUC__)
#define LLM_KEEP(value) asm volatile("" : "+v"(value))
#else
#define LLM_KEEP(value)
#endif

// Stands behind stores of what the next round of a loop reads again: gcc would keep it in registers, of which there are
// none left, and store those to the stack instead.
#if defined(__GNUC__)
#define LLM_KEEP_MEMORY asm volatile("" ::: "memory")
#else
#define LLM_KEEP_MEMORY
#endif

namespace llm {

// Tiles of so few rows wait for the weights to come from memory: they ask for them ahead of the processor's own guess.
inline constexpr int kStreamedRows = 16;
// So many bytes. Nearer for a single row: experts are short stretches of memory, of which what lies beyond is not read.
template <int Rows>
inline constexpr int kAhead = Rows == 1 ? 1536 : 2048;

const Kernel& avx2_kernel();
const Kernel& avx_vnni_kernel();
const Kernel& avx512_vnni_kernel();

}  // namespace llm
#endif
