// What becomes of rows of f32 activations before kernels multiply them.
#pragma once
#include <cstddef>

#include "kernels/kernel.h"

namespace llm {

// What the next part takes of those `left`, at most `most`: as even as they can be, so that none is left with a small
// one.
inline size_t even_part(size_t left, size_t most) {
  if (left <= most) return left;
  const size_t parts = (left + most - 1) / most;
  return (left + parts - 1) / parts;
}

// Rows that the next tile takes of those `left`.
inline size_t tile_rows(const Kernel& kernel, size_t left) { return even_part(left, kernel.tile_rows); }

// Of f32 activations, which have no other preparation.
inline void sum_groups(const float* x, size_t columns, size_t group, float* sums) {
  for (size_t g = 0; g < columns / group; ++g) {
    float sum = 0;
    for (size_t i = g * group; i < (g + 1) * group; ++i) sum += x[i];
    sums[g] = sum;
  }
}

}  // namespace llm
