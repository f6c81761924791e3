// With how many rows a step is computed.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>

namespace llm {

// The most rows that rounding adds, plus one.
inline constexpr size_t kCoarsestRows = 32;

// The next of few sizes: 1 to 16, then eight per octave. OpenVINO makes kernels for every number of rows and keeps
// thousands of them, so that with many requests at once its memory would rise for hours. At most an eighth more is
// computed, and only of steps with more than 16 rows.
constexpr size_t rounded_rows(size_t rows) {
  if (rows <= 16) return rows;
  const size_t step = std::min(std::bit_floor(rows - 1) / 8, kCoarsestRows);
  return (rows + step - 1) / step * step;
}

}  // namespace llm
