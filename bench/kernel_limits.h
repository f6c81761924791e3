// What a processor's instructions give when nothing has to come from memory, not even from the first-level cache.
#pragma once
#include "kernels/kernel.h"
#include "kernels/matmul.h"

// Products of a weight and an activation in a second, by all threads together; 0 where a kernel has no such loop.
struct Limit {
  double int4 = 0;
  double int8 = 0;
};

// Runs, in registers alone, the arithmetic that a kernel does for each 32 inputs with one scale: the integer products,
// their sums, and what makes them f32 and adds them up. Loads, stores and the unpacking of int4 are left out. Takes
// some ten milliseconds.
Limit measure_limit(const llm::Kernel& kernel, const llm::Threads& threads);
