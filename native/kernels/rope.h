// Rotary positions, as the halves of a head are turned against each other.
#pragma once
#include <cstddef>

namespace llm {

// out = x * cosines + (-second half of x, first half of x) * sines, for each head. x and out: [rows, heads * width];
// cosines and sines: [rows, width].
inline void rotate(const float* x, const float* cosines, const float* sines, size_t rows, size_t heads, size_t width,
                   float* out) {
  const size_t half = width / 2;
  for (size_t row = 0; row < rows; ++row, cosines += width, sines += width) {
    for (size_t head = 0; head < heads; ++head, x += width, out += width) {
      for (size_t i = 0; i < half; ++i) {
        out[i] = x[i] * cosines[i] - x[i + half] * sines[i];
        out[i + half] = x[i + half] * cosines[i + half] + x[i] * sines[i + half];
      }
    }
  }
}

}  // namespace llm
